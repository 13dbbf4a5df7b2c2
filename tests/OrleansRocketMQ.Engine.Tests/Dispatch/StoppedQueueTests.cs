using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>Queues that an error rule stops: the message stays, nothing more is handed out, and they go on where they were.</summary>
public sealed class StoppedQueueTests
{
    private readonly DispatchLab _lab = new();
    private bool _isGood;

    [Theory]
    [InlineData("concurrent")]
    [InlineData("by key")]
    [InlineData("in order")]
    public void A_stopped_queue_keeps_its_message_and_goes_on_with_it(string mode)
    {
        _lab.Options.ConsumeThreadMax = 1;
        var (queue, other) = (Filled(0), Filled(1));
        _lab.Listeners.Consume = (_, call, _) => IsBad(call.Queue, call.Messages)
            ? Task.FromResult(new ListenerOutcome(1, TimeSpan.FromMilliseconds(1), [new FailedMessage(0, 0, "bad", "kind") { StopsQueue = true }]))
            : FakeListeners.Succeed(call);
        _lab.Listeners.ConsumeInOrder = (call, _) => IsBad(call.Queue, call.Messages)
            ? Task.FromResult(new OrderlyOutcome(
                0, 0, new(1, IsRollback: false, Pause: null, AutoCommit: true, "bad", "kind") { StopsQueue = true }, 1, TimeSpan.FromMilliseconds(1)))
            : FakeListeners.Succeed(call);
        IQueueDispatcher dispatcher = mode switch
        {
            "concurrent" => _lab.Concurrent(),
            "by key" => _lab.Keyed(),
            _ => _lab.Orderly(),
        };
        _lab.Signal(dispatcher, queue, other);
        _lab.World.Wait(60);

        Assert.Equal((1L, 3L), (queue.Watermark, other.Watermark));
        Assert.Contains("bad", queue.Runs.Gate.Stopped, StringComparison.Ordinal);
        Assert.Null(other.Runs.Gate.Stopped);
        Assert.Equal([198], _lab.Log.Ids);
        Assert.Empty(_lab.Brokers.SentBack);
        Assert.Equal(0, queue.Runs.InFlight);

        _isGood = true;
        queue.Runs.Gate.EndStop();
        _lab.Signal(dispatcher, queue);

        Assert.Equal(3, queue.Watermark);
    }

    [Fact]
    public void Where_every_member_gets_every_message_a_stopped_queue_keeps_its_message_too()
    {
        _lab.Options.MessageModel = Configuration.MessageModel.Broadcasting;
        var queue = Filled(0);
        _lab.Listeners.Consume = (_, call, _) => IsBad(call.Queue, call.Messages)
            ? Task.FromResult(new ListenerOutcome(1, TimeSpan.FromMilliseconds(1), [new FailedMessage(0, 0, "bad", "kind") { StopsQueue = true }]))
            : FakeListeners.Succeed(call);
        var dispatcher = _lab.Concurrent();

        _lab.Signal(dispatcher, queue);
        Assert.Contains("bad", queue.Runs.Gate.Stopped, StringComparison.Ordinal);
        Assert.Equal(1, queue.Watermark);
        _isGood = true;
        queue.Runs.Gate.EndStop();
        _lab.Signal(dispatcher, queue);

        Assert.Equal(3, queue.Watermark);
    }

    private bool IsBad(MessageQueue queue, ArraySegment<MessageExt> messages) => !_isGood && queue.QueueId == 0 && messages[0].QueueOffset == 1;

    private FakeQueue Filled(int number)
    {
        var queue = _lab.Queue(number);
        queue.Add([.. Enumerable.Range(0, 3).Select(offset => TestMessages.At(offset, shardingKey: "a"))]);
        return queue;
    }
}

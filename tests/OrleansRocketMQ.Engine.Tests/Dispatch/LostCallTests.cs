using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>A call, or its answer, that is lost on its way holds up nothing for longer than it takes to ask for it.</summary>
public sealed class LostCallTests
{
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(0.1);

    private readonly DispatchLab _lab = new();
    private readonly List<RenewableCall> _asked = [];

    public enum Mode
    {
        Concurrent,
        KeyOrdered,
        Orderly,
    }

    public static TheoryData<Mode> Modes => [.. Enum.GetValues<Mode>()];

    [Theory]
    [MemberData(nameof(Modes))]
    public void One_that_has_not_come_is_made_again_and_that_is_no_attempt(Mode mode)
    {
        var queue = Begin(mode, CallState.Lost);

        _lab.World.Wait(TimeSpan.FromSeconds(12), Step);

        Assert.Equal([0L, 0L], _lab.Listeners.Given);
        Assert.Equal(1, queue.Watermark);
        Assert.Empty(_lab.Brokers.SentBack);
        Assert.Single(_asked);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void One_whose_answer_was_lost_is_not_made_again(Mode mode)
    {
        var queue = Begin(mode, CallState.Ended);

        _lab.World.Wait(TimeSpan.FromSeconds(10.5), Step);

        Assert.Equal([0L], _lab.Listeners.Given);
        Assert.Equal(1, queue.Watermark);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void One_under_way_is_asked_after_now_and_then_and_waited_for(Mode mode)
    {
        var queue = Begin(mode, CallState.UnderWay);

        _lab.World.Wait(TimeSpan.FromSeconds(60.5), Step);

        Assert.Equal([0L], _lab.Listeners.Given);
        Assert.Equal(0, queue.Watermark);
        Assert.InRange(_asked.Count, 11, 12);
        Assert.Single(_asked.Distinct());
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void One_on_this_silo_is_not_asked_after(Mode mode)
    {
        Begin(mode, CallState.Lost, isHere: true);

        _lab.World.Wait(TimeSpan.FromSeconds(60), Step);

        Assert.Equal([0L], _lab.Listeners.Given);
        Assert.Empty(_asked);
    }

    /// <summary>The first call never ends, and its listener says of it what it is told to say.</summary>
    private FakeQueue Begin(Mode mode, CallState state, bool isHere = false)
    {
        _lab.Options.RetryInterval = TimeSpan.FromSeconds(0.1);
        var queue = _lab.Queue();
        queue.Add(TestMessages.Pull([0L], shardingKey: _ => "a"));
        _lab.Listeners.Consume = (_, call, _) => IsFirst(call.Renewable!.Value) ? new TaskCompletionSource<ListenerOutcome>().Task : FakeListeners.Succeed(call);
        _lab.Listeners.ConsumeInOrder = (call, _) => IsFirst(call.Renewable!.Value) ? new TaskCompletionSource<OrderlyOutcome>().Task : FakeListeners.Succeed(call);
        _lab.Listeners.Ask = (_, call) => Said<ListenerOutcome>(call, new(1, TimeSpan.FromMilliseconds(1), null));
        _lab.Listeners.AskInOrder = call => Said(call, new OrderlyOutcome(1, 1, null, 1, TimeSpan.FromMilliseconds(1)));
        IQueueDispatcher dispatcher = mode switch
        {
            Mode.Concurrent => _lab.Concurrent(),
            Mode.KeyOrdered => _lab.Keyed(),
            _ => _lab.Orderly(),
        };
        _lab.Signal(dispatcher, queue);
        return queue;

        bool IsFirst(RenewableCall call)
        {
            if (isHere)
            {
                call.NoteHere();
            }

            return _lab.Listeners.Calls.Count == 1;
        }

        Task<CallWord<TOutcome>> Said<TOutcome>(RenewableCall call, TOutcome outcome)
        {
            _asked.Add(call);
            return Task.FromResult(new CallWord<TOutcome>(state, state == CallState.Ended ? outcome : default));
        }
    }
}

using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>
/// A batch ends at so many messages, at so many bytes, or some time after its first message came; what gathers is nobody's, so
/// that a stop, a seek or a pause finds it as any that waits.
/// </summary>
public sealed class BatchWindowTests
{
    private const string Key = "k";

    private readonly DispatchLab _lab = new();
    private FakeQueue _queue = null!;
    private IQueueDispatcher _dispatcher = null!;

    public enum Mode
    {
        Concurrent,
        Orderly,
        Keyed,
    }

    public static TheoryData<Mode> Modes => [.. Enum.GetValues<Mode>()];

    private string[] Batches => [.. _lab.Listeners.Calls.Select(call => string.Join(',', call.Offsets))];

    [Theory]
    [MemberData(nameof(Modes))]
    public void Messages_wait_until_there_are_enough_of_them(Mode mode)
    {
        Start(mode);
        Come(3);
        Assert.Empty(Batches);

        Come(1);

        Assert.Equal(["0,1,2,3"], Batches);
        Assert.Equal(4, _queue.Watermark);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void One_that_is_alone_waits_for_the_time_and_no_longer(Mode mode)
    {
        Start(mode);
        Come(1);
        _lab.World.Wait(0.99);
        Assert.Empty(Batches);

        _lab.World.Wait(0.01);

        Assert.Equal(["0"], Batches);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void The_time_counts_from_the_first_of_a_batch(Mode mode)
    {
        Start(mode);
        Come(1);
        _lab.World.Wait(0.9);
        Come(1);
        _lab.World.Wait(0.1);
        Assert.Equal(["0,1"], Batches);

        // Four of these go at once; the time of the others began when they came.
        Come(3);
        _lab.World.Wait(0.5);
        Come(3);
        Assert.Equal(["0,1", "2,3,4,5"], Batches);
        _lab.World.Wait(0.99);
        Assert.Equal(2, Batches.Length);
        _lab.World.Wait(0.01);
        Assert.Equal(["0,1", "2,3,4,5", "6,7"], Batches);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void More_than_a_batch_is_several_calls_and_the_rest_waits(Mode mode)
    {
        Start(mode);

        Come(10);

        Assert.Equal(["0,1,2,3", "4,5,6,7"], Batches);
        _lab.World.Wait(1);
        Assert.Equal(["0,1,2,3", "4,5,6,7", "8,9"], Batches);
        Assert.Equal((10L, 0), (_queue.Watermark, _queue.Runs.InFlight));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_batch_ends_before_it_has_too_many_bytes_and_a_large_message_comes_alone(Mode mode)
    {
        _lab.Options.BatchMaxBytes = 20;
        Start(mode);
        Come(2);
        Assert.Empty(Batches);

        Come(1);
        Assert.Equal(["0,1"], Batches);

        _queue.Add([TestMessages.At(3, bodyLength: 100, shardingKey: Key)]);
        _lab.Signal(_dispatcher, _queue);
        Assert.Equal(["0,1", "2", "3"], Batches);
        Assert.Equal(4, _queue.Watermark);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Bytes_alone_limit_a_batch_and_nothing_waits(Mode mode)
    {
        _lab.Options.BatchMaxWait = TimeSpan.Zero;
        _lab.Options.BatchMaxBytes = 20;
        Start(mode, wait: TimeSpan.Zero);

        Come(3);

        Assert.Equal(["0,1", "2"], Batches);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Without_a_window_a_call_gets_what_is_there(Mode mode)
    {
        Start(mode, wait: TimeSpan.Zero);
        Assert.Null(_queue.Runs.Rule);

        Come(3);

        Assert.Equal(["0,1,2"], Batches);
        Assert.Empty(_queue.Tracked);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_stop_hands_nothing_out_and_keeps_nothing(Mode mode)
    {
        Start(mode);
        Come(3);

        _queue.Stop();
        _lab.World.Steps.Run();

        Assert.All(_queue.Tracked, task => Assert.True(task.IsCompleted));
        _lab.World.Wait(2);
        Assert.Empty(Batches);
        Assert.Equal((0L, 0), (_queue.Watermark, _queue.Runs.InFlight));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_seek_drops_what_has_gathered_and_what_comes_then_gathers_anew(Mode mode)
    {
        Start(mode);
        Come(3);
        _lab.World.Wait(0.9);

        _queue.Restart(100);
        Come(1);
        _lab.World.Wait(0.99);
        Assert.Empty(Batches);
        _lab.World.Wait(0.01);

        Assert.Equal(["100"], Batches);
        Assert.Equal((101L, 0L), (_queue.Watermark, _queue.Runs.Window.Bytes));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void What_has_gathered_in_a_pause_goes_when_it_ends(Mode mode)
    {
        Start(mode);
        Come(2);
        _queue.Runs.Gate.Set(paused: true, rate: null);
        _lab.World.Wait(2);
        Assert.Empty(Batches);

        _queue.Runs.Gate.Set(paused: false, rate: null);
        _lab.Signal(_dispatcher, _queue);

        Assert.Equal(["0,1"], Batches);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void What_is_paused_while_it_gathers_still_has_its_time(Mode mode)
    {
        Start(mode);
        Come(1);
        _queue.Runs.Gate.Set(paused: true, rate: null);
        _lab.World.Wait(0.5);
        _queue.Runs.Gate.Set(paused: false, rate: null);
        _lab.Signal(_dispatcher, _queue);
        Assert.Empty(Batches);

        _lab.World.Wait(0.5);

        Assert.Equal(["0"], Batches);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_queue_that_may_hold_no_more_does_not_wait_for_more(Mode mode)
    {
        _lab.Options.PullThresholdForQueue = 3;
        Start(mode);
        Come(2);
        Assert.Empty(Batches);

        Come(1);

        Assert.Equal(["0,1,2"], Batches);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void What_failed_comes_again_without_waiting_for_others(Mode mode)
    {
        _lab.Options.SuspendCurrentQueueTime = _lab.Options.KeyRetryBackoff = _lab.Options.RetryInterval = TimeSpan.FromMilliseconds(100);
        Start(mode);
        FailOnce();
        Come(4);
        Assert.Single(Batches);

        _lab.World.Wait(0.15);

        // In the order of a key the first one comes alone; then the others have waited for longer than they may.
        Assert.Equal(mode == Mode.Keyed ? "0" : "0,1,2,3", Batches[1]);
        _lab.World.Wait(1);
        Assert.Equal(4, _queue.Watermark);
    }

    [Fact]
    public void Each_key_gathers_for_itself()
    {
        Start(Mode.Keyed);

        Come("a", "b", "a", "a", null, "b", "a", "a");
        Assert.Equal(["a:0,2,3,6"], _lab.Listeners.Texts);
        _lab.World.Wait(0.5);
        Come("b", "c");
        _lab.World.Wait(0.5);

        // What came first goes with what has come since; c has half of its time left.
        Assert.Equal(["a:7", "b:1,5,8"], _lab.Listeners.Texts.Skip(1).Where(text => text[0] is 'a' or 'b').Order());
        Assert.Contains(_lab.Listeners.Calls, call => call.Listener is "0" or "1" && call.Offsets is [4]);
        Assert.DoesNotContain(_lab.Listeners.Texts, text => text[0] == 'c');
        _lab.World.Wait(0.5);
        Assert.Contains("c:9", _lab.Listeners.Texts);
        Assert.Equal(10, _queue.Watermark);
    }

    [Fact]
    public void A_key_whose_rest_came_earlier_than_others_is_not_late()
    {
        var held = new TaskCompletionSource();
        Start(Mode.Keyed);
        _lab.Listeners.Consume = async (_, call, _) =>
        {
            await held.Task;
            return await FakeListeners.Succeed(call);
        };
        Come("a", "a", "a", "a", "a");
        _lab.World.Wait(0.5);
        Come("b");
        held.SetResult();
        _lab.World.Steps.Run();

        _lab.World.Wait(0.5);

        Assert.Equal(["a:0,1,2,3", "a:4"], _lab.Listeners.Texts);
    }

    private void Start(Mode mode, TimeSpan? wait = null)
    {
        _lab.Options.ConsumeBatchSize = 4;
        _lab.Options.BatchMaxWait = wait ?? TimeSpan.FromSeconds(1);
        _queue = _lab.Queue();
        _dispatcher = mode switch
        {
            Mode.Concurrent => _lab.Concurrent(),
            Mode.Orderly => _lab.Orderly(),
            _ => _lab.Keyed(),
        };
    }

    private void Come(int count) => Come([.. Enumerable.Repeat(Key, count)]);

    private void Come(params string?[] keys)
    {
        _queue.Add(keys);
        _lab.Signal(_dispatcher, _queue);
    }

    /// <summary>The first call fails or, where failed messages do not stay, does not reach its listener.</summary>
    private void FailOnce()
    {
        var calls = 0;
        _lab.Listeners.Consume = (_, call, _) => calls++ > 0 ? FakeListeners.Succeed(call)
            : !call.InOrder ? throw new InvalidOperationException("no such grain")
            : Task.FromResult(new ListenerOutcome(1, TimeSpan.FromMilliseconds(1), [new FailedMessage(0, 0, "bad")]));
        _lab.Listeners.ConsumeInOrder = (call, _) => calls++ > 0 ? FakeListeners.Succeed(call) : Task.FromResult(new OrderlyOutcome(
            0, 0, new FailedBatch(4, IsRollback: false, Pause: null, AutoCommit: true, "bad"), 1, TimeSpan.FromMilliseconds(1)));
    }
}

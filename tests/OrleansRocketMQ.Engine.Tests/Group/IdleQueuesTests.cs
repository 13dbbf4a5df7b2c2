using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Engine.Group;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Tests.Support;

namespace OrleansRocketMQ.Engine.Tests.Group;

/// <summary>What queues cost in which nothing happens: counted, as work grows with messages and not with queues.</summary>
public sealed class IdleQueuesTests
{
    private const int Many = 50;
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);

    private readonly PumpLab _lab = new();
    private readonly CountingTime _time;
    private ConsumerGroup _group = null!;

    public IdleQueuesTests() => _time = new(_lab.World.Time);

    private IEnumerable<QueuePump> Pulled => _group.Queues.Values.OfType<QueuePump>();

    [Fact]
    [Trait("Length", "Long")]
    public void An_idle_queue_is_pulled_four_times_a_minute_its_store_is_asked_once_and_told_nothing()
    {
        Start(Many);
        Pass(Minute);
        var before = _lab.Brokers.Calls.Count;
        var told = _lab.Brokers.Told.Count;

        Pass(Minute);

        Assert.Equal(told, _lab.Brokers.Told.Count);
        Assert.Equal(
            [("pull", 4 * Many), ("query", Many)],
            _lab.Brokers.Calls.Skip(before).CountBy(made => made.Call).Select(made => (made.Key, made.Value)).Order());
    }

    [Fact]
    public void No_timer_fires_for_an_idle_queue_however_many_they_are()
    {
        var few = TicksOfAMinute(1);
        var many = new IdleQueuesTests().TicksOfAMinute(Many);

        Assert.Equal(few, many);
    }

    [Fact]
    [Trait("Length", "Long")]
    public void Rounds_find_no_queue_with_news_where_nothing_happens_and_the_one_where_something_does()
    {
        Start(Many);
        Pass(TimeSpan.FromSeconds(30));
        Assert.All(Pulled, queue => Assert.False(queue.MayHaveNews || queue.MayHaveCheckpointNews, $"{queue.Queue}"));

        var busy = new MessageQueue(PumpLab.Queue.Topic, "broker-a", 7);
        _lab.Brokers.Store(busy, 2);
        Pass(TimeSpan.FromSeconds(1));
        _group.Queues[busy].Runs.Lease(1).Complete();

        Assert.Equal([busy], Pulled.Where(queue => queue.MayHaveNews).Select(queue => queue.Queue));
        Assert.Equal([busy], Pulled.Where(queue => queue.MayHaveCheckpointNews).Select(queue => queue.Queue));
        Pass(TimeSpan.FromSeconds(6));
        Assert.Equal(1, _lab.Brokers.Offsets[busy]);
    }

    [Fact]
    public void A_queue_whose_pull_has_failed_looks_whether_the_broker_still_has_what_it_was_told()
    {
        Start(1);
        Pass(TimeSpan.FromSeconds(30));
        _lab.Brokers.Offsets.Clear();
        _lab.Brokers.Faults["pull"] = () => new RocketMQNetworkException("away");
        Pass(TimeSpan.FromSeconds(16));
        _lab.Brokers.Faults.Clear();

        Pass(TimeSpan.FromSeconds(10));

        Assert.Equal(0, Assert.Single(_lab.Brokers.Offsets).Value);
    }

    [Fact]
    public void One_watchdog_looks_at_all_queues_and_no_more_after_the_group_stops()
    {
        var looks = 0;
        var watchdog = new GroupWatchdog("g", () => looks++, _lab.World.Runtime, NullLogger.Instance);
        watchdog.Start();
        _lab.Run();
        Pass(TimeSpan.FromSeconds(9));
        Assert.Equal(0, looks);
        Pass(TimeSpan.FromSeconds(21));
        Assert.Equal(3, looks);

        _lab.World.Do(watchdog.StopAsync);
        Pass(Minute);
        Assert.Equal(3, looks);
    }

    [Fact]
    public void A_queue_that_stands_still_is_told_of_by_the_group()
    {
        _lab.Brokers.Holds["query"] = new TaskCompletionSource().Task;
        Start(1);
        Pass(TimeSpan.FromMinutes(5));

        Assert.Contains("without a change", Assert.Single(_group.Queues).Value.Snapshot().LastError, StringComparison.Ordinal);
    }

    private int TicksOfAMinute(int queues)
    {
        // A pull that waits at its broker: the fake one would look at the clock for it.
        _lab.Brokers.Holds["pull"] = new TaskCompletionSource().Task;
        Start(queues);
        Pass(TimeSpan.FromSeconds(30));
        var before = _time.Ticks;
        Pass(Minute);
        return _time.Ticks - before;
    }

    private void Start(int queues)
    {
        _lab.Make(checkpoints: true);
        var environment = _lab.Environment with
        {
            Runtime = new EngineRuntime(_time, _lab.World.Runtime.Scheduler, _lab.World.Runtime.Random),
        };
        _group = new ConsumerGroup(environment, NullLoggerFactory.Instance);
        _group.Start();
        for (var number = 0; number < queues; number++)
        {
            _group.StartQueue(new(PumpLab.Queue.Topic, "broker-a", number), arrival: null);
        }

        _lab.Run();
    }

    private void Pass(TimeSpan time) => _lab.World.Wait(time, Step);

    private sealed class CountingTime(TimeProvider inner) : TimeProvider
    {
        /// <summary>How often a timer has fired.</summary>
        public int Ticks { get; private set; }

        public override long TimestampFrequency => inner.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => inner.GetUtcNow();

        public override long GetTimestamp() => inner.GetTimestamp();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
            => inner.CreateTimer(
                given =>
                {
                    Ticks++;
                    callback(given);
                },
                state,
                dueTime,
                period);
    }
}

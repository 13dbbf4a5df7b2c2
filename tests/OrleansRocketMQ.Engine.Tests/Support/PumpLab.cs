using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Locks;
using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Statistics;
using OrleansRocketMQ.Engine.Subscriptions;
using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Tests.Support;

/// <summary>One queue that is pulled, between brokers that do what a test says and a dispatcher that leaves its work to the test.</summary>
internal sealed class PumpLab : IFence, IGroup, IQueueDispatcher
{
    public static readonly MessageQueue Queue = new("orders", "broker-a", 0);

    private readonly List<TaskCompletionSource> _waitForFence = [];

    public PumpLab() => Brokers = new(World.Time);

    public event Action<bool>? Changed;

    public Stepped World { get; } = new();

    public LogLines Log { get; } = new();

    public FakeBrokers Brokers { get; }

    public FakeRoutes Routes { get; } = new();

    public FakeRecords<CheckpointRecord> Records { get; } = new();

    public FakeParkedMessages Parked { get; } = new();

    public FakeMetrics Metrics { get; } = new();

    public DispatchGate Gate { get; } = new();

    public SharedQuota SiloBytes { get; } = new(long.MaxValue);

    public ConsumerOptions Options { get; } = new()
    {
        Group = "g",
        ConsumeFromWhere = ConsumeFromWhere.FirstOffset,
        PullSuspendTimeout = TimeSpan.FromSeconds(15),
    };

    public QueuePump Pump { get; private set; } = null!;

    public QueueEnvironment Environment { get; private set; } = null!;

    /// <summary>What the group wants; null when it does not subscribe to the topic any more.</summary>
    public Subscription? Subscription { get; set; } = new(Queue.Topic, MessageSelector.All, version: 1);

    public bool KeepsFailedMessages { get; set; }

    /// <summary>How often the dispatcher was told of messages.</summary>
    public int Signals { get; private set; }

    public List<string> Missing { get; } = [];

    public List<string> Found { get; } = [];

    public bool IsGateClosed { get; private set; }

    public bool IsClosed { get; private set; }

    public bool IsStopping { get; set; }

    public bool DoListenersMove { get; set; }

    public string RetryTopic => "%RETRY%g";

    /// <summary>Retry topics of pops, and the topics they are of.</summary>
    public Dictionary<string, string> Origins { get; } = [];

    public long? Committed => Brokers.Offsets.TryGetValue(Queue, out var offset) ? offset : null;

    public QueuePhase Phase => Pump.State.Phase;

    public string? OriginOf(string retryTopic) => Origins.GetValueOrDefault(retryTopic);

    public PumpLab Make(QueueArrival? arrival = null, bool locks = false, bool checkpoints = false, bool parks = true)
    {
        var offsets = new BrokerOffsetStore(Brokers, Routes, Options, new(World.Time));
        Environment = new QueueEnvironment
        {
            Options = Options,
            ClientId = "me",
            Runtime = World.Runtime,
            Brokers = Brokers,
            Routes = Routes,
            Fence = this,
            Group = this,
            Offsets = offsets,
            StartOffset = new StartOffset(offsets, Brokers, Options, World.Time.GetUtcNow()),
            Dispatcher = this,
            Budgets = new GroupQuotas(Options, SiloBytes),
            Statistics = new GroupStatistics(World.Time, _ => Metrics),
            Locks = locks ? new QueueLocks(Options, new Lockers("me", Brokers, Routes), static () => [], World.Runtime, Log.For<QueueLocks>()) : null,
            Checkpoints = checkpoints ? new GroupCheckpoints(Options, Records, World.Runtime, Log.For<GroupCheckpoints>()) : null,
            Parked = parks ? Parked : null,
        };
        Pump = new QueuePump(Queue, Environment, arrival, Log);
        return this;
    }

    public PumpLab Start(QueueArrival? arrival = null, bool locks = false, bool checkpoints = false)
    {
        Make(arrival, locks, checkpoints);
        Pump.Start();
        World.Steps.Run();
        return this;
    }

    public void Run() => World.Steps.Run();

    public void Fence(bool closed)
    {
        CloseByTheClock(closed);
        Changed?.Invoke(closed);
        Pump.OnFence(closed);
        Run();
    }

    /// <summary>It is closed, but nobody has told yet.</summary>
    public void CloseByTheClock(bool closed)
    {
        IsClosed = closed;
        if (!closed)
        {
            var waiting = _waitForFence.ToArray();
            _waitForFence.Clear();
            Array.ForEach(waiting, waits => waits.TrySetResult());
        }
    }

    public void Pause(bool paused)
    {
        Gate.Set(paused, rate: null);
        Pump.OnFlow();
        Run();
    }

    /// <summary>Messages go to a listener.</summary>
    public ProcessQueueRange Lease(int most = int.MaxValue) => Pump.Runs.Lease(most);

    /// <summary>A listener is done with messages.</summary>
    public void Complete(ProcessQueueRange range)
    {
        range.Complete();
        Pump.OnProgress();
        Run();
    }

    public void Consume(int most = int.MaxValue)
    {
        while (most > 0 && Lease(most) is { IsEmpty: false } range)
        {
            most -= range.Messages.Count;
            Complete(range);
        }
    }

    public void Commit() => World.Do(Pump.CommitAsync);

    public Task Stop(double seconds = 5) => World.Begin(() => Pump.StopAsync(TimeSpan.FromSeconds(seconds)));

    public SeekRequest Seek(long offset)
    {
        var seek = Pump.Seek(offset);
        Run();
        return seek;
    }

    public QueueSnapshot Snapshot() => Pump.Snapshot();

    public Task WaitUntilOpenAsync(CancellationToken cancellationToken)
    {
        if (!IsClosed)
        {
            return Task.CompletedTask;
        }

        var waits = new TaskCompletionSource();
        _waitForFence.Add(waits);
        return waits.Task.WaitAsync(cancellationToken);
    }

    public Subscription? FindSubscription(string topic) => Subscription;

    public DispatchGate OpenGate(MessageQueue queue) => Gate;

    public void CloseGate(MessageQueue queue) => IsGateClosed = true;

    public void NoteMissingAt(string broker) => Missing.Add(broker);

    public void NoteFoundAt(string broker) => Found.Add(broker);

    void IQueueDispatcher.Start()
    {
    }

    void IQueueDispatcher.Signal(IDispatchedQueue queue) => Signals++;

    Task IQueueDispatcher.StopAsync() => Task.CompletedTask;
}

using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Dispatch.Concurrent;
using OrleansRocketMQ.Engine.Dispatch.KeyOrdered;
using OrleansRocketMQ.Engine.Dispatch.Orderly;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Pop;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Retry;
using OrleansRocketMQ.Engine.Statistics;
using OrleansRocketMQ.Engine.Subscriptions;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Tests.Support;

/// <summary>One queue that is popped, between a broker in memory and listeners that do what a test says.</summary>
internal sealed class PopLab : IFence, IGroup
{
    public static readonly MessageQueue Queue = new("orders", "broker-a", 0);

    private readonly List<TaskCompletionSource> _waitForFence = [];
    private readonly List<int> _consumed = [];

    public PopLab()
        : this(new Stepped())
    {
    }

    /// <param name="world">The clock and the scheduler of all members.</param>
    /// <param name="pops">What they pop together; null: what is this one's alone.</param>
    public PopLab(Stepped world, FakePops? pops = null)
    {
        World = world;
        Brokers = new(World.Time) { Pops = pops ?? new(World.Time) };
        Gate = new() { OnStop = Stops.Add };
        Listeners.Consume = (_, call, _) => ConsumeAsync(call);
        Listeners.ConsumeInOrder = (call, _) => ConsumeInOrderAsync(call);
    }

    public event Action<bool>? Changed;

    public Stepped World { get; }

    public LogLines Log { get; } = new();

    public FakeBrokers Brokers { get; }

    public FakePops Pops => Brokers.Pops;

    public FakeRoutes Routes { get; } = new();

    public FakeListeners Listeners { get; } = new();

    public FakeParkedMessages Parked { get; } = new();

    public FakeMetrics Metrics { get; } = new();

    public SharedQuota SiloBytes { get; } = new(long.MaxValue);

    public DispatchGate Gate { get; }

    /// <summary>What error rules have stopped.</summary>
    public List<QueueStop> Stops { get; } = [];

    public ConsumerOptions Options { get; } = new()
    {
        Group = "g",
        ConsumeFromWhere = ConsumeFromWhere.FirstOffset,
        ConsumeThreadMin = 1,
        ConsumeThreadMax = 4,
        ConsumeTimeout = TimeSpan.FromMinutes(15),
        PopInvisibleTime = TimeSpan.FromSeconds(60),
    };

    /// <summary>How messages are consumed.</summary>
    public HandlerMode Mode { get; init; }

    public PopPump Pump { get; private set; } = null!;

    public IQueueDispatcher Dispatcher { get; private set; } = null!;

    /// <summary>What the group wants.</summary>
    public Subscription Subscription { get; set; } = new(Queue.Topic, MessageSelector.All, version: 1);

    /// <summary>How long the listener has what it gets.</summary>
    public TimeSpan ListenerTakes { get; set; }

    /// <summary>What the listener fails with, by the number of the message; null: it succeeds.</summary>
    public Func<MessageExt, FailedMessage?> Fails { get; set; } = static _ => null;

    /// <summary>The numbers of the messages the listener has got, in order.</summary>
    public IReadOnlyList<int> Consumed => _consumed;

    /// <summary>The most messages the listener had at once.</summary>
    public int Most { get; private set; }

    public bool IsClosed { get; set; }

    public bool IsGateClosed { get; private set; }

    public bool IsStopping => false;

    public bool DoListenersMove => false;

    public string RetryTopic => "%RETRY%g";

    public PopLab Start(MessageQueue? queue = null, QueueArrival? arrival = null)
    {
        var offsets = new BrokerOffsetStore(Brokers, Routes, Options, new(World.Time));
        var targets = new RetryTargets(Brokers, Routes, Parked, ClientNamespace.None, static () => "id");
        var retry = new RetryPublisher(new RetryRules(Options), targets, World.Time, Log.For<RetryPublisher>());
        Dispatcher = Mode switch
        {
            HandlerMode.Orderly => new OrderlyDispatcher(
                Options, Listeners, retry, storage: null, World.Runtime, Log.For<OrderlyDispatcher>()),
            HandlerMode.KeyOrdered => new KeyOrderedDispatcher(Options, Listeners, retry, World.Runtime, Log.For<KeyOrderedDispatcher>()),
            _ => new ConcurrentDispatcher(Options, Listeners, retry, World.Runtime, Log.For<ConcurrentDispatcher>()),
        };
        Pump = new PopPump(queue ?? Queue, new QueueEnvironment
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
            Dispatcher = Dispatcher,
            Budgets = new GroupQuotas(Options, SiloBytes),
            Statistics = new GroupStatistics(World.Time, _ => Metrics),
        }, arrival, Log);
        Dispatcher.Start();
        Pump.Start();
        World.Steps.Run();
        return this;
    }

    public void Wait(double seconds) => World.Wait(TimeSpan.FromSeconds(seconds), TimeSpan.FromMilliseconds(100));

    public void Fence(bool closed)
    {
        IsClosed = closed;
        Changed?.Invoke(closed);
        Pump.OnFence(closed);
        if (!closed)
        {
            var waiting = _waitForFence.ToArray();
            _waitForFence.Clear();
            Array.ForEach(waiting, waits => waits.TrySetResult());
        }

        World.Steps.Run();
    }

    public void Pause(bool paused)
    {
        Gate.Set(paused, rate: null);
        Pump.OnFlow();
        Dispatcher.Signal(Pump);
        World.Steps.Run();
    }

    public Task Stop(double seconds = 30) => World.Begin(() => Pump.StopAsync(TimeSpan.FromSeconds(seconds)));

    public static int NumberOf(MessageExt message) => BitConverter.ToInt32(message.Body.Span);

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

    public void NoteMissingAt(string broker)
    {
    }

    public void NoteFoundAt(string broker)
    {
    }

    private async Task<OrderlyOutcome> ConsumeInOrderAsync(OrderlyCall call)
    {
        await ListenAsync(call.Messages);
        var done = call.Messages.TakeWhile(message => Fails(message) is null).Count();
        return new OrderlyOutcome(
            done,
            call.AutoCommit ? done : 0,
            done == call.Messages.Count ? null
                : new FailedBatch(1, IsRollback: false, Pause: null, call.AutoCommit, Fails(call.Messages[done])!.Value.Error),
            call.Messages.Count,
            TimeSpan.FromMilliseconds(1));
    }

    private async Task<ListenerOutcome> ConsumeAsync(ListenerCall call)
    {
        await ListenAsync(call.Messages);
        var failures = call.Messages.Select((message, index) => Fails(message) is { } failure ? failure with { Index = index } : (FailedMessage?)null)
            .OfType<FailedMessage>().ToArray();
        if (call.InOrder && failures is [var first, ..])
        {
            return new ListenerOutcome(first.Index + 1, TimeSpan.FromMilliseconds(1), [first]);
        }

        return new ListenerOutcome(call.Messages.Count, TimeSpan.FromMilliseconds(1), failures.Length > 0 ? failures : null);
    }

    private async Task ListenAsync(IReadOnlyCollection<MessageExt> messages)
    {
        _consumed.AddRange(messages.Select(NumberOf));
        Most = Math.Max(Most, Pump.Book.Count);
        if (ListenerTakes > TimeSpan.Zero)
        {
            await Task.Delay(ListenerTakes, World.Time);
        }
    }
}

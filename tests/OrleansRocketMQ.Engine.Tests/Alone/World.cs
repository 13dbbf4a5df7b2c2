using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Dispatch.Concurrent;
using OrleansRocketMQ.Engine.Dispatch.KeyOrdered;
using OrleansRocketMQ.Engine.Dispatch.Orderly;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Locks;
using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Retry;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Statistics;
using OrleansRocketMQ.Engine.Subscriptions;
using OrleansRocketMQ.Engine.Tests.Scheduling;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Tests.Alone;

/// <summary>One queue, its broker and its listener, and the engine between them: no silo, socket, thread or clock.</summary>
internal sealed class World : IRoutes, IFence, IGroup, IListeners, IListener, IQueueListener
{
    public static readonly MessageQueue Queue = new("orders", "broker-a", 0);

    private readonly GroupQuotas _budgets;
    private readonly SubscriptionOf _subscriptions = new();
    private readonly DispatchGate _gate = new();

    public World(Mode mode)
    {
        var runtime = new EngineRuntime(Time, new EngineScheduler(Steps), new Random(1));
        Broker = new OneQueueBroker(Queue, Time);
        Options = new ConsumerOptions { Group = "billing", ConsumeFromWhere = ConsumeFromWhere.FirstOffset, ConsumeThreadMin = 2, ConsumeThreadMax = 4 };
        _budgets = new GroupQuotas(Options, SiloBytes);
        var targets = new RetryTargets(Broker, this, new NoParking(), ClientNamespace.None, static () => "id");
        var retry = new RetryPublisher(new(Options), targets, Time, NullLogger<RetryPublisher>.Instance);
        Dispatcher = mode switch
        {
            Mode.Concurrent => new ConcurrentDispatcher(Options, this, retry, runtime, NullLogger<ConcurrentDispatcher>.Instance),
            Mode.Orderly => new OrderlyDispatcher(Options, this, retry, storage: null, runtime, NullLogger<OrderlyDispatcher>.Instance),
            _ => new KeyOrderedDispatcher(Options, this, retry, runtime, NullLogger<KeyOrderedDispatcher>.Instance),
        };
        Locks = mode == Mode.Orderly
            ? new QueueLocks(Options, new Lockers("me", Broker, this), static () => [], runtime, NullLogger<QueueLocks>.Instance)
            : null;
        var offsets = new BrokerOffsetStore(Broker, this, Options, new OffsetStoreMetrics(Time));
        Environment = new QueueEnvironment
        {
            Options = Options,
            ClientId = "me",
            Runtime = runtime,
            Brokers = Broker,
            Routes = this,
            Fence = this,
            Group = this,
            Offsets = offsets,
            StartOffset = new StartOffset(offsets, Broker, Options, Time.GetUtcNow()),
            Dispatcher = Dispatcher,
            Budgets = _budgets,
            Statistics = new GroupStatistics(Time),
            Locks = Locks,
        };
        Pump = new QueuePump(Queue, Environment, arrival: null, NullLogger.Instance);
        Persister = new OffsetPersister(Options, () => [Pump], runtime, NullLogger<OffsetPersister>.Instance);
    }

    public enum Mode
    {
        Concurrent,
        Orderly,
        KeyOrdered,
    }

    public event Action<bool>? Changed;

    public StepScheduler Steps { get; } = new();

    public FakeTimeProvider Time { get; } = new();

    public ConsumerOptions Options { get; }

    public OneQueueBroker Broker { get; }

    public SharedQuota SiloBytes { get; } = new(long.MaxValue);

    public IQueueDispatcher Dispatcher { get; }

    public QueueLocks? Locks { get; }

    public QueueEnvironment Environment { get; }

    public QueuePump Pump { get; }

    public OffsetPersister Persister { get; }

    /// <summary>The offsets of what the listener got, in order.</summary>
    public List<long> Consumed { get; } = [];

    /// <summary>How long the listener has what it gets.</summary>
    public TimeSpan ListenerTakes { get; set; }

    /// <summary>Calls the listener is at.</summary>
    public int InWork { get; private set; }

    /// <summary>Whether the fence is closed. Whoever sets it tells nobody, as the clock does.</summary>
    public bool IsClosed { get; set; }

    public bool IsStopping => false;

    public bool DoListenersMove => false;

    public string RetryTopic => "%RETRY%billing";

    public void Start()
    {
        Dispatcher.Start();
        Persister.Start();
        Pump.Start();
        Steps.Run();
    }

    /// <summary>Lets time go by, in steps, and everything happen that then happens.</summary>
    public void Wait(TimeSpan time)
    {
        for (var waited = TimeSpan.Zero; waited < time; waited += TimeSpan.FromMilliseconds(100))
        {
            Time.Advance(TimeSpan.FromMilliseconds(100));
            Steps.Run();
        }
    }

    /// <summary>The fence closes or opens.</summary>
    public void Fence(bool closed)
    {
        IsClosed = closed;
        Changed?.Invoke(closed);
        Pump.OnFence(closed);
    }

    public Task WaitUntilOpenAsync(CancellationToken cancellationToken) => WaitAsync(cancellationToken);

    public BrokerAddress? FindAddress(MessageQueue queue, long brokerId, bool onlyThisBroker) => new(queue.BrokerName, 0, "127.0.0.1:10911");

    public BrokerAddress? FindMasterOf(MessageExt message) => new(message.BrokerName, 0, "127.0.0.1:10911");

    public TopicRoute? Find(string topic) => null;

    public void Doubt(string topic, Exception reason)
    {
    }

    public Subscription? FindSubscription(string topic) => _subscriptions.Find(topic);

    public DispatchGate OpenGate(MessageQueue queue) => _gate;

    public void CloseGate(MessageQueue queue)
    {
    }

    public void NoteMissingAt(string broker)
    {
    }

    public void NoteFoundAt(string broker)
    {
    }

    public IListener OfSlot(int slot) => this;

    public IListener OfKey(string key) => this;

    public IQueueListener OfQueue(MessageQueue queue) => this;

    public Task<bool> IsReadyAsync(CancellationToken cancellationToken) => Task.FromResult(true);

    public Task QueueLeftAsync() => Task.CompletedTask;

    Task<CallWord<ListenerOutcome>> ICallee<ListenerOutcome>.AskAsync(RenewableCall call, CancellationToken cancellationToken)
        => Task.FromResult(default(CallWord<ListenerOutcome>));

    Task<CallWord<OrderlyOutcome>> ICallee<OrderlyOutcome>.AskAsync(RenewableCall call, CancellationToken cancellationToken)
        => Task.FromResult(default(CallWord<OrderlyOutcome>));

    public Task<ListenerOutcome> ConsumeAsync(in ListenerCall call, CancellationToken cancellationToken)
        => ConsumeAsync(call.Messages, new ListenerOutcome(call.Messages.Count, TimeSpan.FromMilliseconds(1), null), cancellationToken);

    public Task<OrderlyOutcome> ConsumeAsync(in OrderlyCall call, CancellationToken cancellationToken) => ConsumeAsync(
        call.Messages,
        new OrderlyOutcome(call.Messages.Count, call.Messages.Count, null, call.Messages.Count, TimeSpan.FromMilliseconds(1)),
        cancellationToken);

    private async Task<T> ConsumeAsync<T>(ArraySegment<MessageExt> messages, T outcome, CancellationToken cancellationToken)
    {
        Consumed.AddRange(messages.Select(message => message.QueueOffset));
        if (ListenerTakes > TimeSpan.Zero)
        {
            InWork++;
            try
            {
                await Task.Delay(ListenerTakes, Time, cancellationToken);
            }
            finally
            {
                InWork--;
            }
        }

        return outcome;
    }

    private async Task WaitAsync(CancellationToken cancellationToken)
    {
        while (IsClosed)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), Time, cancellationToken);
        }
    }

    private sealed class SubscriptionOf
    {
        private readonly Subscription _all = new(Queue.Topic, MessageSelector.All, version: 1);

        public Subscription? Find(string topic) => topic == _all.Topic ? _all : null;
    }

    private sealed class NoParking : IParkedMessageStore
    {
        public Task ParkAsync(MessageToPark message, CancellationToken cancellationToken) => throw new InvalidOperationException("Nothing fails here.");
    }
}

using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Dispatch.Concurrent;
using OrleansRocketMQ.Engine.Dispatch.KeyOrdered;
using OrleansRocketMQ.Engine.Dispatch.Orderly;
using OrleansRocketMQ.Engine.Retry;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Tests.Support;

/// <summary>A dispatcher between queues and listeners that do what a test says, with a broker that takes failed messages back.</summary>
internal sealed class DispatchLab
{
    public DispatchLab() => Brokers = new(World.Time);

    public Stepped World { get; } = new();

    public LogLines Log { get; } = new();

    public FakeBrokers Brokers { get; }

    public FakeRoutes Routes { get; } = new();

    public FakeParkedMessages Parked { get; } = new();

    public FakeListeners Listeners { get; } = new();

    public FakeRecords<FailureList> Failures { get; } = new();

    public ConsumerOptions Options { get; } = new()
    {
        Group = "g",
        ConsumeThreadMin = 1,
        ConsumeThreadMax = 2,
        ConsumeTimeout = TimeSpan.FromMinutes(1),
        RetryInterval = TimeSpan.FromSeconds(1),
    };

    /// <summary>How often messages may fail, and how long they wait.</summary>
    public RetryRules Rules => field ??= new(Options);

    public RetryPublisher Retry => new(
        Rules, new(Brokers, Routes, Parked, ClientNamespace.None, static () => "new id"), World.Time, Log.For<RetryPublisher>());

    public ConcurrentDispatcher Concurrent() => Started(
        new ConcurrentDispatcher(Options, Listeners, Retry, World.Runtime, Log.For<ConcurrentDispatcher>()));

    public KeyOrderedDispatcher Keyed() => Started(new KeyOrderedDispatcher(Options, Listeners, Retry, World.Runtime, Log.For<KeyOrderedDispatcher>()));

    public OrderlyDispatcher Orderly(bool withStorage = true) => Started(new OrderlyDispatcher(
        Options, Listeners, Retry, withStorage ? Failures : null, World.Runtime, Log.For<OrderlyDispatcher>()));

    public FakeQueue Queue(int number = 0, long mostBytes = long.MaxValue) 
        => new(World.Time, number, mostBytes, BatchRule.Of(Options, World.Time));

    /// <summary>Tells of messages and does all that can be done now.</summary>
    public void Signal(IQueueDispatcher dispatcher, params FakeQueue[] queues)
    {
        foreach (var queue in queues)
        {
            dispatcher.Signal(queue);
        }

        World.Steps.Run();
    }

    private T Started<T>(T dispatcher)
        where T : IQueueDispatcher
    {
        dispatcher.Start();
        World.Steps.Run();
        return dispatcher;
    }
}

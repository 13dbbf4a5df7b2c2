using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Retry;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Dispatch.Orderly;

/// <summary>
/// Gives the messages of each queue to its own listener grain in order, one batch at a time; of different queues at most
/// <see cref="ConsumerOptions.ConsumeThreadMax"/> at once. Where every silo gets every message, each has listeners of its
/// own for the queues. Mirrors <c>ConsumeMessageOrderlyService</c>.
/// </summary>
internal sealed partial class OrderlyDispatcher(
    ConsumerOptions options,
    IListeners listeners,
    RetryPublisher retry,
    IRecordStorage<FailureList>? storage,
    EngineRuntime runtime,
    ILogger<OrderlyDispatcher> logger) : IQueueDispatcher
{
    // Where the silo keeps its records.
    private const string StorageName = "RocketMQ";

    private readonly ConcurrentDictionary<IDispatchedQueue, OrderlyQueue> _queues = new();
    private readonly AsyncTurns _slots = new(options.ConsumeThreadMax);
    private readonly AdaptiveBatchSizer _runLength = new();

    public ConsumerOptions Options => options;

    public RetryPublisher Retry => retry;

    public EngineRuntime Runtime => runtime;

    public ILogger Logger => logger;

    /// <summary>Where failure counts are kept; null: in memory only.</summary>
    public IRecordStorage<FailureList>? Storage => storage;

    /// <summary>One for each call a listener of the group may get now.</summary>
    public AsyncTurns Slots => _slots;

    /// <summary>How many batches go into one grain call.</summary>
    public AdaptiveBatchSizer AdaptiveBatchSizer => _runLength;

    public bool KeepsOrder => true;

    public bool WaitsForCommits => !options.AutoCommit;

    public bool KeepsFailedMessages => true;

    public void Start()
    {
        if (storage is null)
        {
            Log.NoStorage(logger, options.Group, StorageName);
        }
    }

    public void Signal(IDispatchedQueue queue)
    {
        if (!queue.Stopping.IsCancellationRequested)
        {
            var orderly = _queues.GetOrAdd(
                queue, static (added, dispatcher) => new OrderlyQueue(added, dispatcher.ListenerOf(added), dispatcher), this);
            orderly.Start();
            orderly.Wake();
        }
    }

    /// <summary>A queue has ended.</summary>
    public void Forget(IDispatchedQueue queue) => _queues.TryRemove(queue, out _);

    public QueueSnapshot Describe(IDispatchedQueue queue, QueueSnapshot snapshot)
        => _queues.TryGetValue(queue, out var orderly) ? orderly.Describe(snapshot) : snapshot;

    public int InFlightOf(IDispatchedQueue queue) => _queues.TryGetValue(queue, out var orderly) ? orderly.InCall : 0;

    public Task StopAsync() => Task.WhenAll(_queues.Values.Select(queue => queue.Ended));

    private OrderlyInvoker ListenerOf(IDispatchedQueue queue) => new(queue, listeners.OfQueue(queue.Queue), this);

    private static partial class Log
    {
        [LoggerMessage(
            181,
            LogLevel.Warning,
            "Group {Group} counts failures in memory only: the silo has neither a grain storage named {Provider} nor a default one. "
            + "A restart counts anew")]
        public static partial void NoStorage(ILogger logger, string group, string provider);
    }
}

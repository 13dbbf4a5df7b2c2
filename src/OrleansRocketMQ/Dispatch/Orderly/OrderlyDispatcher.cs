using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Storage;

namespace OrleansRocketMQ.Dispatch.Orderly;

/// <summary>
/// Gives the messages of each queue to its own listener grain in order, one batch at a time; of different queues at most
/// <see cref="ConsumerOptions.ConsumeThreadMax"/> at once. Where every silo gets every message, each has listeners of its
/// own for the queues. Mirrors <c>ConsumeMessageOrderlyService</c>.
/// </summary>
internal sealed partial class OrderlyDispatcher(
    ConsumerOptions options,
    IGrainFactory grains,
    GrainType listenerType,
    SiloAddress silo,
    string? instance,
    RetryPublisher retry,
    IGrainStorage? storage,
    TimeProvider time,
    ILogger<OrderlyDispatcher> logger) : IQueueDispatcher
{
    private readonly ConcurrentDictionary<QueuePump, OrderlyQueue> _queues = new();
    private readonly SemaphoreSlim _slots = new(options.ConsumeThreadMax);
    private readonly RunLength _runLength = new();

    public ConsumerOptions Options => options;

    public RetryPublisher Retry => retry;

    public TimeProvider Time => time;

    public ILogger Logger => logger;

    public SiloAddress Silo => silo;

    /// <summary>Where failure counts are kept; null: in memory only.</summary>
    public IGrainStorage? Storage => storage;

    /// <summary>One for each call a listener of the group may get now.</summary>
    public SemaphoreSlim Slots => _slots;

    /// <summary>How many batches go into one grain call.</summary>
    public RunLength RunLength => _runLength;

    public bool KeepsFailedMessages => true;

    public void Start()
    {
        if (storage is null)
        {
            Log.NoStorage(logger, options.Group, StateStorage.ProviderName);
        }
    }

    public void Signal(QueuePump queue)
    {
        if (!queue.Stopping.IsCancellationRequested)
        {
            var orderly = _queues.GetOrAdd(queue, static (added, dispatcher) => new OrderlyQueue(added, dispatcher.ListenerOf(added), dispatcher), this);
            orderly.Start();
            orderly.Wake();
        }
    }

    /// <summary>A queue has ended.</summary>
    public void Forget(QueuePump queue) => _queues.TryRemove(queue, out _);

    public QueueStatus Describe(QueuePump queue, QueueStatus status)
        => _queues.TryGetValue(queue, out var orderly) ? orderly.Describe(status) : status;

    public int InFlightOf(QueuePump queue) => _queues.TryGetValue(queue, out var orderly) ? orderly.InCall : 0;

    public Task StopAsync() => Task.WhenAll(_queues.Values.Select(queue => queue.Ended));

    private OrderlyListener ListenerOf(QueuePump queue)
    {
        var grain = grains.GetGrain(GrainId.Create(listenerType, QueueGrainKey.Of(options.Group, queue.Queue, instance))).AsReference<IOrderlyRunner>();
        return new OrderlyListener(queue, grain, this);
    }

    private static partial class Log
    {
        [LoggerMessage(181, LogLevel.Warning, "Group {Group} counts failures in memory only: the silo has neither a grain storage named {Provider} nor a default one. A restart counts anew")]
        public static partial void NoStorage(ILogger logger, string group, string provider);
    }
}

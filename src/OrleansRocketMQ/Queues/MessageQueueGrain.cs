using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Concurrency;
using Orleans.GrainDirectory;
using Orleans.Placement;
using Orleans.Runtime;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;

namespace OrleansRocketMQ.Queues;

/// <summary>One queue of one group. Its activation is the queue's owner; that there is only one is the directory's word.</summary>
[Alias("OrleansRocketMQ.IMessageQueueGrain")]
internal interface IMessageQueueGrain : IGrainWithStringKey
{
    /// <summary>Starts the queue unless it runs, and tells on which silo; null when it is about to leave the silo it is on.</summary>
    /// <param name="caller">The silo that asks; the group runs there.</param>
    // Asked again every second; one that is lost in a change of silos must not hold the others up.
    [ResponseTimeout("00:00:05")]
    [Alias("EnsureStarted")]
    Task<SiloAddress?> EnsureStartedAsync(SiloAddress caller);

    [AlwaysInterleave]
    [Alias("GetStatus")]
    Task<QueueStatus> GetStatusAsync();
}

/// <inheritdoc cref="IMessageQueueGrain"/>
[KeepAlive]
[Immovable]
[RocketMQQueuePlacement]
[GrainDirectory(QueueDirectory.Name)]
internal sealed class MessageQueueGrain : Grain, IMessageQueueGrain, IGrainMigrationParticipant
{
    private const string HandOverKey = "OrleansRocketMQ.HandOver";

    private readonly IGrainContext _context;
    private readonly ConsumerRegistry _consumers;
    private readonly string _group;
    private readonly TimeSpan _shutdownTimeout;
    private readonly string? _unitName;
    private readonly SiloAddress _silo;
    private readonly MessageQueue _queue;
    private QueueHandOver? _handOver;
    private GroupConsumer? _consumer;
    private QueuePump? _pump;

    public MessageQueueGrain(IGrainContext context, ConsumerRegistry consumers, ILocalSiloDetails silo, IOptions<RocketMQOptions> options)
    {
        _context = context;
        _consumers = consumers;
        (_group, _queue, _) = QueueGrainKey.Parse(context.GrainId.Key.ToString()!);
        _silo = silo.SiloAddress;
        _shutdownTimeout = options.Value.ShutdownTimeout;
        _unitName = options.Value.UnitName;
    }

    /// <summary>The silo that owns the queue, as this one sees it.</summary>
    private SiloAddress? Owner => _consumers.Find(_group)?.View.SiloOf(_queue);

    public Task<SiloAddress?> EnsureStartedAsync(SiloAddress caller)
    {
        _consumers.Find(_group)?.NoteHere(ClientIdentity.Of(caller, _unitName));
        if (_silo.Equals(Owner))
        {
            Start(handOver: null);
            return Task.FromResult<SiloAddress?>(_silo);
        }

        if (_pump is not null && ReferenceEquals(_consumer, _consumers.Find(_group)))
        {
            // The shepherd of this silo is about to release it.
            return Task.FromResult<SiloAddress?>(_silo);
        }

        // Who calls wants the queue for his own silo, but remembers an activation that was here. A plain deactivation would
        // not make him forget it.
        if (Owner is null)
        {
            DeactivateOnIdle();
        }
        else
        {
            MigrateOnIdle();
        }

        return Task.FromResult<SiloAddress?>(null);
    }

    public Task<QueueStatus> GetStatusAsync() => Task.FromResult(_pump is null
        ? new QueueStatus { Queue = _queue, Silo = _silo.ToString() }
        : _pump.Describe() with { Silo = _silo.ToString() });

    public void OnDehydrate(IDehydrationContext dehydrationContext)
    {
        if (_pump?.Progress is { } progress)
        {
            dehydrationContext.TryAddValue(HandOverKey, new QueueHandOver(progress, _consumer!.Client.ClientId, _consumer.IsLeaving, _pump.HasCheckpoint) { IdleSince = _pump.IdleSince });
        }
    }

    public void OnRehydrate(IRehydrationContext rehydrationContext) => rehydrationContext.TryGetValue(HandOverKey, out _handOver);

    /// <summary>A queue that was handed over goes on at once. Who handed it over knew that it belongs here, though this silo may learn it only now.</summary>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (_handOver is { } handOver)
        {
            _handOver = null;
            if (handOver.FromLeaves)
            {
                _consumers.Find(_group)?.NoteLeaving(handOver.From);
            }

            Start(handOver);
        }

        return Task.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
        => _pump is null ? Task.CompletedTask : _consumer!.StopQueueAsync(_pump, _shutdownTimeout);

    // The group may have stopped and started again since the queue last ran here; it is another consumer then.
    private void Start(QueueHandOver? handOver)
    {
        _consumer = _consumers.Find(_group) ?? throw new ConsumerStateException(_group, "not running on this silo", $"own {_queue}");
        _pump = _consumer.StartQueue(_queue, _context, handOver);
    }
}

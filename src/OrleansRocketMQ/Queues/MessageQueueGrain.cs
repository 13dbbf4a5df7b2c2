using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Concurrency;
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
    [Alias("EnsureStarted")]
    Task<SiloAddress?> EnsureStartedAsync();

    /// <summary>Ends what is in work, commits, and goes to the silo that owns the queue now. Has no effect where that is this one.</summary>
    [Alias("Release")]
    Task ReleaseAsync();

    [AlwaysInterleave]
    [Alias("GetStatus")]
    Task<QueueStatus> GetStatusAsync();
}

/// <inheritdoc cref="IMessageQueueGrain"/>
[KeepAlive]
[Immovable]
[RocketMQQueuePlacement]
internal sealed class MessageQueueGrain : Grain, IMessageQueueGrain
{
    private readonly GroupConsumer _consumer;
    private readonly TimeSpan _shutdownTimeout;
    private readonly SiloAddress _silo;
    private readonly MessageQueue _queue;
    private QueuePump? _pump;

    public MessageQueueGrain(IGrainContext context, ConsumerRegistry consumers, ILocalSiloDetails silo, IOptions<RocketMQOptions> options)
    {
        var (group, queue) = QueueGrainKey.Parse(context.GrainId.Key.ToString()!);
        _queue = queue;
        _silo = silo.SiloAddress;
        _shutdownTimeout = options.Value.ShutdownTimeout;
        _consumer = consumers.Find(group) ?? throw new ConsumerStateException(group, "not configured on this silo", $"own {queue}");
    }

    /// <summary>The silo that owns the queue, as this one sees it.</summary>
    private SiloAddress? Owner => _consumer.View.SiloOf(_queue);

    public async Task<SiloAddress?> EnsureStartedAsync()
    {
        if (_silo.Equals(Owner))
        {
            _pump = _consumer.StartQueue(_queue);
            return _silo;
        }

        // Who calls wants the queue for his own silo, but remembers an activation that was here. A plain deactivation
        // would not make him forget it: each of his calls would bring the grain to life here again.
        if (_pump is not null)
        {
            return _silo;
        }

        await LeaveAsync();
        return null;
    }

    public Task ReleaseAsync() => _silo.Equals(Owner) ? Task.CompletedTask : LeaveAsync();

    public Task<QueueStatus> GetStatusAsync() => Task.FromResult(_pump is null
        ? new QueueStatus { Queue = _queue, Silo = _silo.ToString() }
        : _pump.Describe() with { Silo = _silo.ToString() });

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => StopAsync();

    private async Task LeaveAsync()
    {
        await StopAsync();
        if (Owner is null)
        {
            DeactivateOnIdle();
        }
        else
        {
            MigrateOnIdle();
        }
    }

    private async Task StopAsync()
    {
        if (_pump is not null)
        {
            await _consumer.StopQueueAsync(_queue, _shutdownTimeout);
            _pump = null;
        }
    }
}

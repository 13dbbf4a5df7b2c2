using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Runtime;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Ownership;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Hosting;

namespace OrleansRocketMQ.Fencing;

/// <summary>Whether this silo may still believe that its queues are its own, by what Orleans says of it. Thread-safe.</summary>
internal sealed class MembershipFence(
    IClusterMembershipService membership,
    ILocalSiloDetails silo,
    IOptions<RocketMQOptions> options,
    IOptions<ClusterMembershipOptions> clusterOptions,
    TimeProvider time,
    ILogger<MembershipFence> logger) : IFence, IAsyncDisposable
{
    // However quickly others give a silo up: a busy machine is late by as much, now and then.
    private static readonly TimeSpan ShortestStall = TimeSpan.FromSeconds(2);

    private readonly OwnershipFence _fence = new(
        new SiloMembership(membership, silo.SiloAddress),
        new FenceTimes(options.Value.MembershipTimeout, StallOf(clusterOptions.Value)),
        SiloRuntime.Of(time),
        logger);

    public event Action<bool>? Changed
    {
        add => _fence.Changed += value;
        remove => _fence.Changed -= value;
    }

    public bool IsClosed => _fence.IsClosed;

    /// <inheritdoc cref="OwnershipFence.WhyClosed"/>
    public string? WhyClosed => _fence.WhyClosed;

    /// <inheritdoc cref="OwnershipFence.HasFailed"/>
    public bool HasFailed => _fence.HasFailed;

    /// <summary>
    /// How long a process may stand still and still be sure that nobody has declared it dead. Orleans adapts the time of a
    /// probe to each silo, down to <see cref="ClusterMembershipOptions.MinProbeTimeout"/>, and a silo must miss as many
    /// probes as the limit says before anybody votes against it.
    /// </summary>
    public static TimeSpan StallOf(ClusterMembershipOptions options)
    {
        var probe = options.MinProbeTimeout < options.ProbeTimeout ? options.MinProbeTimeout : options.ProbeTimeout;
        var stall = probe * options.NumMissedProbesLimit;
        return stall > ShortestStall ? stall : ShortestStall;
    }

    public void Start() => _fence.Start();

    public Task WaitUntilOpenAsync(CancellationToken cancellationToken) => _fence.WaitUntilOpenAsync(cancellationToken);

    public ValueTask DisposeAsync() => _fence.DisposeAsync();

    private sealed class SiloMembership(IClusterMembershipService membership, SiloAddress silo) : IMembership
    {
        public bool IsDead => membership.CurrentSnapshot.GetSiloStatus(silo) == SiloStatus.Dead;

        public async Task ReadAsync(CancellationToken cancellationToken)
        {
            // Orleans lets one who asks join a reading under way, and its answer may be older than the call. A second reading
            // cannot have begun before the first had ended, so it is one of the time since it was asked.
            await membership.Refresh(cancellationToken: cancellationToken).ConfigureAwait(false);
            await membership.Refresh(cancellationToken: cancellationToken).ConfigureAwait(false);
        }
    }
}

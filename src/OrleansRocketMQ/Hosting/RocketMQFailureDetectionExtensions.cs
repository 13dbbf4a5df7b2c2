using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;

namespace Orleans.Hosting;

/// <summary>Makes a cluster notice soon that a silo is gone.</summary>
public static class RocketMQFailureDetectionExtensions
{
    /// <summary>
    /// Sets Orleans' membership so that the queues of a killed process go on elsewhere after about three seconds and those of
    /// one that stands still after less than ten, without taking a busy silo for a dead one. All silos of a cluster should
    /// have the same settings. What is configured afterwards overrides them.
    /// </summary>
    /// <param name="builder">The silo.</param>
    /// <remarks>
    /// Orleans' own settings need up to 15 s for a killed process and more than a minute for one that stands still. Those set
    /// here are <see cref="ClusterMembershipOptions.ProbeTimeout"/>, <see cref="ClusterMembershipOptions.MinProbeTimeout"/>,
    /// <see cref="ClusterMembershipOptions.MaxProbeTimeout"/>, <see cref="ClusterMembershipOptions.NumMissedProbesLimit"/>,
    /// <see cref="ClusterMembershipOptions.NumVotesForDeathDeclaration"/>,
    /// <see cref="ClusterMembershipOptions.EnableConnectionLivenessCheck"/>,
    /// <see cref="ClusterMembershipOptions.TableRefreshTimeout"/> and <see cref="GrainDirectoryOptions.RangeLeaseDuration"/>.
    /// </remarks>
    public static ISiloBuilder UseFastFailureDetection(this ISiloBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.Configure<ClusterMembershipOptions>(Apply);

        // How long the directory keeps what a dead silo had from being made anew. A silo of ours that stood still is kept from
        // its queues by its fence, which closes before anybody can declare it dead, so nothing need wait. With a lease above
        // MaxProbeTimeout x NumMissedProbesLimit every failover waits for the rest of it.
        builder.Services.Configure<GrainDirectoryOptions>(options => options.RangeLeaseDuration = TimeSpan.Zero);
        return builder;
    }

    private static void Apply(ClusterMembershipOptions options)
    {
        // What a silo nobody has measured yet is given; afterwards Orleans adapts it to each silo within the two bounds below.
        options.ProbeTimeout = TimeSpan.FromSeconds(1);

        // Where a healthy silo is after a few probes. A killed process answers each probe at once with a refusal, so it is
        // given up after the third: within 3 x 0.75 s. Nobody can be declared dead sooner, and the fence counts from it.
        options.MinProbeTimeout = TimeSpan.FromMilliseconds(750);
        options.NumMissedProbesLimit = 3;

        // A silo from which anything came within the last MaxProbeTimeout x NumMissedProbesLimit, 6 s, is not voted against,
        // however late its answers to probes are: that is what tells a busy silo from a dead one. A process that stands still
        // keeps its connections, so it takes these 6 s and a probe or two. Orleans' own maximum would make it a minute.
        options.MaxProbeTimeout = TimeSpan.FromSeconds(2);
        options.EnableConnectionLivenessCheck = true;

        // One silo alone, which may be the one that has the trouble, gives up nobody; where there are but two, it must.
        options.NumVotesForDeathDeclaration = 2;

        // Who was not told of a change sees it with the next reading.
        options.TableRefreshTimeout = TimeSpan.FromSeconds(5);
    }
}

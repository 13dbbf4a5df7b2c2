using Microsoft.Extensions.Diagnostics.HealthChecks;
using OrleansRocketMQ.Health;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Health checks of a silo's RocketMQ consumers.</summary>
public static class RocketMQHealthChecksBuilderExtensions
{
    /// <summary>The tag of the check that says whether the silo does its work.</summary>
    public const string ReadyTag = "ready";

    /// <summary>The tag of the check that says whether the process should go on living.</summary>
    public const string LiveTag = "live";

    /// <summary>
    /// Adds two checks to a host whose silo has <c>AddRocketMQ()</c>. <c>{name}</c>, tagged <see cref="ReadyTag"/>: unhealthy
    /// until the silo has joined, brokers know its groups and every queue that is allocated to it runs; degraded, with the
    /// reason in words, when a server is away, a queue does not get on or a subscription is refused while the rest works.
    /// <c>{name}-live</c>, tagged <see cref="LiveTag"/>: unhealthy when the cluster has declared the silo dead, so that only
    /// a restart helps. Neither asks a server: they tell what the consumers know, at no cost.
    /// </summary>
    /// <param name="builder">The host's health checks.</param>
    /// <param name="name">The name of the first check, and how that of the second begins.</param>
    public static IHealthChecksBuilder AddRocketMQ(this IHealthChecksBuilder builder, string name = "rocketmq")
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return builder
            .AddCheck<ReadinessCheck>(name, tags: [ReadyTag])
            .AddCheck<LivenessCheck>($"{name}-live", tags: [LiveTag]);
    }
}

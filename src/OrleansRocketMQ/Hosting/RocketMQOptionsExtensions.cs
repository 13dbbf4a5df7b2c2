using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Connections;

namespace OrleansRocketMQ.Hosting;

/// <summary>What the options of a silo mean for clients of its host's own, such as a producer's.</summary>
public static class RocketMQOptionsExtensions
{
    /// <summary>
    /// How a silo with these options connects: account, TLS, namespace, time-outs and limits. For a client beside the silo's that
    /// is to reach the same cluster (<c>RocketMQClientOptions.Remoting</c>). New with each call; thread-safe.
    /// </summary>
    /// <param name="options">The silo's, as from <c>IOptions&lt;RocketMQOptions&gt;</c>.</param>
    /// <exception cref="RocketMQConfigurationException">Settings of the account do not go together; secrets are not shown.</exception>
    public static RemotingOptions ToRemotingOptions(this RocketMQOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return ClientSettings.RemotingOf(options);
    }
}

using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.SiloHost.Demo;

/// <summary>The demo's topic.</summary>
internal static class DemoTopic
{
    /// <summary>Makes the topic on every master unless it is there.</summary>
    /// <returns>How many queues it has.</returns>
    /// <exception cref="RocketMQException">The cluster is away, or refuses.</exception>
    public static async Task<int> EnsureAsync(RocketMQClient client, DemoOptions options, CancellationToken cancellationToken)
    {
        try
        {
            return (await client.Routes.RefreshAsync(options.Topic, cancellationToken)).ReadQueues.Count;
        }
        catch (TopicNotFoundException)
        {
            // The first run on this cluster.
        }

        var cluster = await client.NameServer.GetClusterInfoAsync(cancellationToken);
        foreach (var broker in cluster.BrokerAddrTable.Values)
        {
            if (broker.BrokerAddrs.TryGetValue(BrokerData.MasterId, out var master))
            {
                await client.Brokers.CreateTopicAsync(master, options.Topic, options.Queues, cancellationToken: cancellationToken);
            }
        }

        return (await client.Routes.RefreshAsync(options.Topic, cancellationToken)).ReadQueues.Count;
    }
}

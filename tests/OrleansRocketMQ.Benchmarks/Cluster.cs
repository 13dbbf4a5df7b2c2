using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Security;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>What the benchmarks need of a cluster, be it the embedded broker or a real one.</summary>
internal static class Cluster
{
    public static RocketMQClient Connect(string nameServer, bool signed = false)
    {
        var client = new RocketMQClient(
            new RocketMQClientOptions
            {
                NameServerAddresses = RocketMQClientOptions.ParseAddresses(nameServer),
                ClientId = $"127.0.0.1@benchmark#{Environment.ProcessId}",
                Remoting = new RemotingOptions { Credentials = signed ? new AclCredentials("benchmark", "its-secret-key") : null },
            },
            NullLoggerFactory.Instance);
        client.Start();
        return client;
    }

    public static async Task<TopicRoute> CreateTopicAsync(RocketMQClient client, string topic, int queues)
    {
        var cluster = await client.NameServer.GetClusterInfoAsync();
        foreach (var broker in cluster.BrokerAddrTable.Values)
        {
            await client.Brokers.CreateTopicAsync(broker.BrokerAddrs[BrokerData.MasterId], topic, queues);
        }

        while (true)
        {
            try
            {
                return await client.Routes.RefreshAsync(topic);
            }
            catch (TopicNotFoundException)
            {
                await Task.Delay(50);
            }
        }
    }
}

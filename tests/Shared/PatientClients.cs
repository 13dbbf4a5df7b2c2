using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Producing;

namespace OrleansRocketMQ.Testing;

/// <summary>Clients of the tests' own, which wait longer than those of the product: those have their own time-outs, and go on after one.</summary>
internal static class PatientClients
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>What a product under test is given for a request that is to succeed.</summary>
    public static TimeSpan RequestTimeout => Patience;

    /// <summary>A client that has started.</summary>
    public static RocketMQClient Start(string nameServers, string clientId, string? ns = null)
    {
        var client = new RocketMQClient(
            new RocketMQClientOptions
            {
                NameServerAddresses = RocketMQClientOptions.ParseAddresses(nameServers),
                ClientId = clientId,
                Remoting = new() { RequestTimeout = Patience, Namespace = ns },
            },
            NullLoggerFactory.Instance);
        client.Start();
        return client;
    }

    /// <summary>A producer over a client.</summary>
    public static Producer Producer(RocketMQClient client, string group)
        => new(client, new ProducerOptions { Group = group, SendTimeout = Patience }, NullLoggerFactory.Instance);
}

using OrleansRocketMQ.Embedded;

namespace OrleansRocketMQ.SiloHost;

/// <summary>The broker of a first run.</summary>
internal static class EmbeddedDefault
{
    private const string NameServerKey = "RocketMQ:NameServer";

    /// <summary>Starts a broker in this process unless a name server is set, and makes it the one that is used.</summary>
    public static async Task<EmbeddedRocketMQ?> StartIfNeededAsync(IConfigurationManager configuration)
    {
        if (!string.IsNullOrWhiteSpace(configuration[NameServerKey]))
        {
            return null;
        }

        var embedded = await EmbeddedRocketMQ.StartAsync(new EmbeddedRocketMQOptions
        {
            NameServerPort = configuration.GetValue("Embedded:NameServerPort", 0),
            BrokerPort = configuration.GetValue("Embedded:BrokerPort", 0),
            DataFolder = configuration["Embedded:DataFolder"],
        });
        configuration[NameServerKey] = embedded.NameServerAddress;
        Console.WriteLine($"embedded broker: name server {embedded.NameServerAddress} (set {NameServerKey} to use a cluster of yours)");
        return embedded;
    }
}

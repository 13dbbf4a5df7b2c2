using System.Net;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Embedded;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>The broker of a first run.</summary>
internal static class EmbeddedDefault
{
    public const string NameServerKey = "RocketMQ:NameServer";
    private const string NameServerPortKey = "Embedded:NameServerPort";
    private const string BrokerPortKey = "Embedded:BrokerPort";
    private const string MaxStoreBytesKey = "Embedded:MaxStoreBytes";

    // A host that is left running for days must not fill the memory of the machine.
    private const long DefaultMaxStoreBytes = 256L * 1024 * 1024;

    /// <summary>Starts a broker in this process unless a name server is set, and makes it the one that is used.</summary>
    /// <exception cref="RocketMQConfigurationException">A setting is wrong.</exception>
    /// <exception cref="StartException">A port is taken, or the folder cannot be used.</exception>
    public static async Task<EmbeddedRocketMQ?> StartIfNeededAsync(IConfigurationManager configuration, bool keepEverything)
    {
        if (!string.IsNullOrWhiteSpace(configuration[NameServerKey]))
        {
            CheckNameServer(configuration[NameServerKey]);
            return null;
        }

        var nameServerPort = Ports.Read(configuration, NameServerPortKey, 0, least: 0);
        var brokerPort = Ports.Read(configuration, BrokerPortKey, 0, least: 0);
        Ports.CheckFree(IPAddress.Loopback, nameServerPort, "the embedded name server", $"Leave {NameServerPortKey} out to take a free port, or set {NameServerKey} to use the name server that runs there.");
        Ports.CheckFree(IPAddress.Loopback, brokerPort, "the embedded broker", $"Leave {BrokerPortKey} out to take a free port.");
        var options = new EmbeddedRocketMQOptions
        {
            NameServerPort = nameServerPort,
            BrokerPort = brokerPort,
            DataFolder = configuration["Embedded:DataFolder"],
            MaxStoreBytes = configuration.GetValue(MaxStoreBytesKey, keepEverything ? 0 : DefaultMaxStoreBytes),
        };
        try
        {
            var embedded = await EmbeddedRocketMQ.StartAsync(options);
            configuration[NameServerKey] = embedded.NameServerAddress;
            return embedded;
        }
        catch (Exception exception) when (exception is RocketMQNetworkException or IOException or UnauthorizedAccessException)
        {
            throw new StartException($"the embedded broker could not be started: {exception.Message}", exception);
        }
    }

    private static void CheckNameServer(string? nameServer)
    {
        try
        {
            RocketMQClientOptions.ParseAddresses(nameServer);
        }
        catch (RocketMQConfigurationException exception)
        {
            throw new RocketMQConfigurationException(NameServerKey, exception.Value, exception.Expected);
        }
    }
}

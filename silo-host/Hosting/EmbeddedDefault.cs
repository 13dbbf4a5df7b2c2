using System.Globalization;
using System.Net;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.SiloHost.Errors;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>The broker of a first run.</summary>
internal static class EmbeddedDefault
{
    public const string NameServerKey = "RocketMQ:NameServer";
    private const string NameServerPortKey = "Embedded:NameServerPort";
    private const string BrokerPortKey = "Embedded:BrokerPort";
    private const string MaxStoreBytesKey = "Embedded:MaxStoreBytes";
    private const string BrokersKey = "Embedded:Brokers";
    private const string SlavesKey = "Embedded:Slaves";
    private const int MostBrokers = 26;
    private const int MostSlaves = 16;

    // A host that is left running for days must not fill the memory of the machine.
    private const long DefaultMaxStoreBytes = 256L * 1024 * 1024;

    /// <summary>
    /// Starts a broker in this process unless a name server is set, and makes it the one that is used. It and its options become
    /// services of the host, for whoever sets up the silo in code.
    /// </summary>
    /// <exception cref="RocketMQConfigurationException">A setting is wrong.</exception>
    /// <exception cref="StartException">A port is taken, or the folder cannot be used.</exception>
    public static async Task<EmbeddedRocketMQ?> StartIfNeededAsync(
        IConfigurationManager configuration,
        IServiceCollection services,
        bool keepEverything)
    {
        if (!string.IsNullOrWhiteSpace(configuration[NameServerKey]))
        {
            return null;
        }

        var nameServerPort = Ports.Read(configuration, NameServerPortKey, 0, least: 0);
        var brokerPort = Ports.Read(configuration, BrokerPortKey, 0, least: 0);
        Ports.CheckFree(
            IPAddress.Loopback,
            nameServerPort,
            "the embedded name server",
            $"Leave {NameServerPortKey} out to take a free port, or set {NameServerKey} to use the name server that runs there.");
        Ports.CheckFree(IPAddress.Loopback, brokerPort, "the embedded broker", $"Leave {BrokerPortKey} out to take a free port.");
        var brokers = Number(configuration, BrokersKey, ifMissing: 1, least: 1, MostBrokers);
        var options = new EmbeddedRocketMQOptions
        {
            Slaves = Number(configuration, SlavesKey, ifMissing: 0, least: 0, MostSlaves),
            NameServerPort = nameServerPort,
            BrokerPort = brokerPort,
            DataFolder = configuration["Embedded:DataFolder"],
            MaxStoreBytes = configuration.GetValue(MaxStoreBytesKey, keepEverything ? 0 : DefaultMaxStoreBytes),
        };
        try
        {
            var embedded = await EmbeddedRocketMQ.StartAsync(options);
            for (var number = 1; number < brokers; number++)
            {
                await embedded.AddBrokerAsync($"broker-{(char)('a' + number)}");
            }

            configuration[NameServerKey] = embedded.NameServerAddress;
            services.AddSingleton(options).AddSingleton(embedded);
            return embedded;
        }
        catch (Exception exception) when (exception is RocketMQNetworkException or IOException or UnauthorizedAccessException)
        {
            throw new StartException($"the embedded broker could not be started: {exception.Message}", exception);
        }
    }

    private static int Number(IConfiguration configuration, string key, int ifMissing, int least, int most)
        => configuration[key] is not { Length: > 0 } text ? ifMissing
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most ? number
        : throw new RocketMQConfigurationException(key, text, $"{least} to {most}");

    /// <exception cref="RocketMQConfigurationException">The name server that is set is none.</exception>
    public static void CheckNameServer(IConfiguration configuration)
    {
        if (configuration[NameServerKey] is not { } nameServer || string.IsNullOrWhiteSpace(nameServer))
        {
            return;
        }

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

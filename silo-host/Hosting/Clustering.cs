using System.Net;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>How this host finds its cluster.</summary>
internal sealed record Clustering(int SiloPort, int GatewayPort, IPEndPoint? PrimarySilo, bool IsConfiguredElsewhere)
{
    private const string SiloPortKey = "Orleans:Endpoints:SiloPort";
    private const string GatewayPortKey = "Orleans:Endpoints:GatewayPort";
    private const string PrimarySiloKey = "Orleans:PrimarySilo";
    private const string Hint =
        $"Another silo on this machine? Choose other ports: --{SiloPortKey}=11112 --{GatewayPortKey}=30001, and --{PrimarySiloKey}=127.0.0.1:11111 to join its cluster.";

    /// <summary>
    /// Clustering on this machine. The ports come from Orleans' own settings, so that several hosts fit on one machine; a
    /// host that names the first one's silo as <c>Orleans:PrimarySilo</c> joins it. With <c>Orleans:Clustering:ProviderType</c>
    /// Orleans does it all by its own settings.
    /// </summary>
    /// <exception cref="RocketMQConfigurationException">A setting is wrong.</exception>
    /// <exception cref="StartException">A port is taken.</exception>
    public static Clustering Read(IConfiguration configuration)
    {
        var clustering = new Clustering(
            Ports.Read(configuration, SiloPortKey, 11111),
            Ports.Read(configuration, GatewayPortKey, 30000),
            ReadPrimarySilo(configuration[PrimarySiloKey]),
            configuration["Orleans:Clustering:ProviderType"] is { Length: > 0 });
        if (clustering.SiloPort == clustering.GatewayPort)
        {
            throw new RocketMQConfigurationException(GatewayPortKey, clustering.GatewayPort, "another port than that of the silo");
        }

        Ports.CheckFree(IPAddress.Loopback, clustering.SiloPort, "the silo", Hint);
        Ports.CheckFree(IPAddress.Loopback, clustering.GatewayPort, "the silo's gateway", Hint);
        return clustering;
    }

    public void Apply(ISiloBuilder silo)
    {
        if (!IsConfiguredElsewhere)
        {
            silo.UseLocalhostClustering(SiloPort, GatewayPort, PrimarySilo);
        }
    }

    private static IPEndPoint? ReadPrimarySilo(string? text)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            return null;
        }

        return IPEndPoint.TryParse(text, out var endpoint) && endpoint.Port > 0
            ? endpoint
            : throw new RocketMQConfigurationException(PrimarySiloKey, text, "address and port of a silo, such as 127.0.0.1:11111");
    }
}

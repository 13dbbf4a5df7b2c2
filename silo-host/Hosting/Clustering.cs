using System.Net;
using Orleans.Configuration;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>How this host finds its cluster: by Orleans' own settings, with those of a cluster on this machine filled in.</summary>
/// <param name="SiloPort">Where other silos reach it.</param>
/// <param name="GatewayPort">Where clients reach it.</param>
/// <param name="ProviderType">Who keeps the list of silos.</param>
/// <param name="PrimarySilo">Of a cluster on this machine, the silo that keeps it; null: this one.</param>
internal sealed record Clustering(int SiloPort, int GatewayPort, string ProviderType, IPEndPoint? PrimarySilo)
{
    public const string ProviderTypeKey = "Orleans:Clustering:ProviderType";
    private const string Development = "Development";
    private const string SiloPortKey = "Orleans:Endpoints:SiloPort";
    private const string GatewayPortKey = "Orleans:Endpoints:GatewayPort";
    private const string AddressKey = "Orleans:Endpoints:AdvertisedIPAddress";
    private const string SiloListeningKey = "Orleans:Endpoints:SiloListeningEndpoint";
    private const string GatewayListeningKey = "Orleans:Endpoints:GatewayListeningEndpoint";
    private const string PrimarySiloKey = "Orleans:PrimarySilo";
    private const string PrimarySiloEndPointKey = "Orleans:Clustering:PrimarySiloEndPoint";
    private const string LocalHint =
        $"Another silo on this machine? Choose other ports: --{SiloPortKey}=11112 --{GatewayPortKey}=30001, "
        + $"and --{PrimarySiloKey}=127.0.0.1:11111 to join its cluster.";
    private const string Hint = $"Choose other ports: --{SiloPortKey}=11112 --{GatewayPortKey}=30001.";

    /// <summary>Whether the cluster is on this machine only.</summary>
    public bool IsLocal => ProviderType == Development;

    /// <summary>
    /// Without <c>Orleans:Clustering:ProviderType</c> the cluster is on this machine; several hosts fit there, as the ports
    /// come from Orleans' own settings, and a host that names the first one's silo as <c>Orleans:PrimarySilo</c> joins it.
    /// </summary>
    /// <exception cref="RocketMQConfigurationException">A setting is wrong.</exception>
    /// <exception cref="StartException">A port is taken.</exception>
    public static Clustering Read(IConfiguration configuration)
    {
        if (string.IsNullOrWhiteSpace(configuration[ProviderTypeKey]))
        {
            configuration[ProviderTypeKey] = Development;
        }

        Providers.Check(configuration);
        var clustering = new Clustering(
            Ports.Read(configuration, SiloPortKey, EndpointOptions.DEFAULT_SILO_PORT),
            Ports.Read(configuration, GatewayPortKey, EndpointOptions.DEFAULT_GATEWAY_PORT),
            configuration[ProviderTypeKey]!,
            ReadPrimarySilo(configuration));
        if (clustering.SiloPort == clustering.GatewayPort)
        {
            throw new RocketMQConfigurationException(GatewayPortKey, clustering.GatewayPort, "another port than that of the silo");
        }

        return clustering;
    }

    /// <exception cref="RocketMQConfigurationException">A setting is wrong.</exception>
    /// <exception cref="StartException">A port is taken.</exception>
    public void CheckPorts(IConfiguration configuration)
    {
        var (address, hint) = IsLocal ? (IPAddress.Loopback, LocalHint) : (ReadAddress(configuration) ?? IPAddress.Any, Hint);

        // Behind a translation of addresses this machine does not have the one that others reach it at.
        var silo = ReadListening(configuration, SiloListeningKey) ?? new(address, SiloPort);
        var gateway = ReadListening(configuration, GatewayListeningKey) ?? new(address, GatewayPort);
        Ports.CheckFree(silo.Address, silo.Port, "the silo", hint);
        Ports.CheckFree(gateway.Address, gateway.Port, "the silo's gateway", hint);
    }

    public void Apply(ISiloBuilder silo)
    {
        // Orleans binds all its other settings itself. What is set here overrides ours, one by one. Below Orleans:GrainDirectory
        // Orleans takes every word for the name of a directory, so the section has another name than the others of its kind.
        silo.UseFastFailureDetection();
        silo.Services.Configure<ClusterMembershipOptions>(silo.Configuration.GetSection("Orleans:Membership"));
        silo.Services.Configure<GrainDirectoryOptions>(silo.Configuration.GetSection("Orleans:Directory"));
        if (!IsLocal)
        {
            return;
        }

        silo.Configure<EndpointOptions>(options =>
        {
            options.AdvertisedIPAddress = IPAddress.Loopback;
            options.SiloPort = SiloPort;
            options.GatewayPort = GatewayPort;
        });
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        var cluster = !IsLocal ? $", cluster by {ProviderType}" : PrimarySilo is null ? string.Empty : $", cluster of {PrimarySilo}";
        return $"silo port {SiloPort}, gateway port {GatewayPort}{cluster}";
    }

    private static IPAddress? ReadAddress(IConfiguration configuration) => configuration[AddressKey] is not { Length: > 0 } text
        ? null
        : IPAddress.TryParse(text, out var address)
            ? address
            : throw new RocketMQConfigurationException(AddressKey, text, "an IP address other silos reach this one at");

    private static IPEndPoint? ReadListening(IConfiguration configuration, string key) => configuration[key] is not { Length: > 0 } text
        ? null
        : IPEndPoint.TryParse(text, out var endpoint) && endpoint.Port > 0
            ? endpoint
            : throw new RocketMQConfigurationException(key, text, "address and port to listen on, such as 0.0.0.0:11111");

    // Orleans' name for it, and a short one for the command line.
    private static IPEndPoint? ReadPrimarySilo(IConfiguration configuration)
    {
        var key = string.IsNullOrWhiteSpace(configuration[PrimarySiloKey]) ? PrimarySiloEndPointKey : PrimarySiloKey;
        if (configuration[key] is not { } text || string.IsNullOrWhiteSpace(text))
        {
            return null;
        }

        configuration[PrimarySiloEndPointKey] = text;
        return IPEndPoint.TryParse(text, out var endpoint) && endpoint.Port > 0
            ? endpoint
            : throw new RocketMQConfigurationException(key, text, "address and port of a silo, such as 127.0.0.1:11111");
    }
}

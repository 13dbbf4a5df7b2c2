namespace OrleansRocketMQ.SiloHost;

/// <summary>How this host finds its cluster.</summary>
internal static class Clustering
{
    private const int DefaultSiloPort = 11111;
    private const int DefaultGatewayPort = 30000;

    /// <summary>
    /// Localhost clustering. The ports come from Orleans' own settings, <c>Orleans:Endpoints:SiloPort</c> and
    /// <c>Orleans:Endpoints:GatewayPort</c>, so that several hosts fit on one machine.
    /// </summary>
    public static ISiloBuilder UseConfiguredClustering(this ISiloBuilder silo)
    {
        var endpoints = silo.Configuration.GetSection("Orleans:Endpoints");
        return silo.UseLocalhostClustering(
            endpoints.GetValue("SiloPort", DefaultSiloPort), endpoints.GetValue("GatewayPort", DefaultGatewayPort));
    }
}

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>
/// Lets the web server start before the silo and stop after it, so that probes and metrics are answered while the silo joins
/// and while it drains. The host adds its web server behind all other services, which would be the other way round.
/// </summary>
internal static class WebServerOrder
{
    // What configures the container runs when the host has added everything, its web server last.
    public static void StartFirst(WebApplicationBuilder builder) => builder.Host.ConfigureContainer<IServiceCollection>(services =>
    {
        var hosted = services.Where(service => service.ServiceType == typeof(IHostedService)).ToArray();
        services.Remove(hosted[^1]);
        services.Insert(services.IndexOf(hosted[0]), hosted[^1]);
    });
}

using System.Net;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Hosting;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>A cluster of many silos in this process.</summary>
internal static class ManySilos
{
    /// <param name="count">How many.</param>
    /// <param name="configure">Is given each silo and its number.</param>
    public static async Task<List<IHost>> StartAsync(int count, Action<ISiloBuilder, int> configure)
    {
        var hosts = new List<IHost>();
        IPEndPoint? primary = null;
        for (var number = 0; number < count; number++)
        {
            var ports = FreePorts.Take(2);
            primary ??= new IPEndPoint(IPAddress.Loopback, ports[0]);
            var host = Build(number, ports, primary, configure);
            await host.StartAsync();
            hosts.Add(host);
            await Console.Error.WriteLineAsync($"{hosts.Count} silos run");
        }

        return hosts;
    }

    private static IHost Build(int number, int[] ports, IPEndPoint primary, Action<ISiloBuilder, int> configure)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.UseOrleans(silo =>
        {
            silo.UseLocalhostClustering(ports[0], ports[1], primary);
            silo.Configure<SiloOptions>(options => options.SiloName = $"silo-{number}");
            // Many silos on a few cores are late with their probes; nobody dies here.
            silo.Configure<ClusterMembershipOptions>(options => options.LivenessEnabled = false);
            configure(silo, number);
        });
        return builder.Build();
    }
}

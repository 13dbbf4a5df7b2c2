using System.Net;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Hosting;

namespace OrleansRocketMQ.Cluster.Processes;

/// <summary>A silo in this process that keeps the membership table for the nodes, and consumes nothing itself.</summary>
internal sealed class PrimarySilo : IAsyncDisposable
{
    private readonly IHost _host;

    private PrimarySilo(IHost host, IPEndPoint address)
    {
        _host = host;
        Address = address;
    }

    /// <summary>Where nodes join.</summary>
    public IPEndPoint Address { get; }

    public static async Task<PrimarySilo> StartAsync()
    {
        var ports = FreePorts.Take(2);
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.UseOrleans(silo => silo
            .UseLocalhostClustering(ports[0], ports[1])
            .AddRocketMQ("127.0.0.1:1")
            .UseFastFailureDetection());
        var host = builder.Build();
        await host.StartAsync();
        return new(host, new IPEndPoint(IPAddress.Loopback, ports[0]));
    }

    public async ValueTask DisposeAsync()
    {
        // At once: in good order it would wait half a minute for nodes that are dead.
        using var atOnce = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        try
        {
            await _host.StopAsync(atOnce.Token);
        }
        catch (OperationCanceledException)
        {
            // As wanted.
        }

        _host.Dispose();
    }
}

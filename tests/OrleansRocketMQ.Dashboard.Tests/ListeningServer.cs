using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;

namespace OrleansRocketMQ.Dashboard.Tests;

/// <summary>A web server that says where it listens and opens no port.</summary>
internal sealed class ListeningServer : IServer, IServerAddressesFeature
{
    public ListeningServer(string address)
    {
        Addresses = [address];
        Features.Set<IServerAddressesFeature>(this);
    }

    public IFeatureCollection Features { get; } = new FeatureCollection();

    public ICollection<string> Addresses { get; }

    public bool PreferHostingUrls { get; set; }

    public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
        where TContext : notnull => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
    }
}

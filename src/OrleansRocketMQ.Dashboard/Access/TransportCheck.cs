using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Hosting;

namespace OrleansRocketMQ.Dashboard.Access;

/// <summary>Ends the start of a host whose dashboard others could reach by nothing but plain HTTP.</summary>
internal sealed class TransportCheck(RocketMQDashboardOptions options, IServer? server = null) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // Only now the server says where it really listens. Until here callers were refused one by one.
    public Task StartedAsync(CancellationToken cancellationToken)
    {
        options.CheckAddresses(server?.Features.Get<IServerAddressesFeature>()?.Addresses ?? []);
        return Task.CompletedTask;
    }

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

using System.Net;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Embedded.Naming;
using OrleansRocketMQ.Embedded.Serving;

namespace OrleansRocketMQ.Embedded;

/// <summary>The name server in process. Knows the brokers of its <see cref="EmbeddedRocketMQ"/>.</summary>
public sealed class EmbeddedNameServer
{
    private readonly ServerEndpoint _endpoint;
    private readonly EmbeddedRocketMQOptions _options;

    internal EmbeddedNameServer(EmbeddedRocketMQOptions options, ServerSecurity security, FaultInjection faults)
    {
        _options = options;
        var table = new RequestTable();
        new NameServerProcessor(Routes, options.SlaveActingMaster).AddTo(table);
        _endpoint = new(
            "name server",
            FaultServers.NameServer,
            new IPEndPoint(options.BindAddress, options.NameServerPort),
            table,
            faults,
            options.TimeProvider,
            options.LoggerFactory.CreateLogger<EmbeddedNameServer>(),
            security,
            writes: options.SerializeType);
    }

    /// <summary>Where clients find it, <c>host:port</c>; the same after a restart.</summary>
    public string Address => new HostAndPort(_options.ToldAddress.ToString(), _endpoint.Port).ToString();

    /// <summary>Whether it listens.</summary>
    public bool IsRunning => _endpoint.IsRunning;

    internal RouteTable Routes { get; } = new();

    /// <summary>Listens again after <see cref="StopAsync"/>, on the same port.</summary>
    /// <exception cref="RocketMQNetworkException">The port is taken.</exception>
    public void Start() => _endpoint.Start();

    /// <summary>Stops listening and closes every connection, as when the process ends. What it knows stays.</summary>
    public Task StopAsync() => _endpoint.StopAsync();

    /// <summary>Closes every connection.</summary>
    public void CloseConnections() => _endpoint.CloseConnections();
}

using System.Net;
using Microsoft.Extensions.Logging;

namespace OrleansRocketMQ.Embedded.Serving;

/// <summary>The port of a broker and, when wanted, its second one two below: the VIP channel, which answers just the same.</summary>
internal sealed class BrokerEndpoints
{
    private const int VipDistance = 2;
    private const int Attempts = 50;

    private readonly string _name;
    private readonly EmbeddedRocketMQOptions _options;
    private readonly ServerSecurity _security;
    private readonly FaultInjection _faults;
    private readonly ILogger _logger;
    private RequestTable _table;
    private int _wantedPort;
    private ServerEndpoint _main;
    private ServerEndpoint? _vip;

    public BrokerEndpoints(
        string name,
        int port,
        EmbeddedRocketMQOptions options,
        RequestTable table,
        ServerSecurity security,
        FaultInjection faults,
        ILogger logger)
    {
        _name = name;
        _options = options;
        _table = table;
        _security = security;
        _faults = faults;
        _logger = logger;
        _wantedPort = port;
        _main = NewEndpoint(port, countedAs: null);
    }

    /// <summary>Raised when a connection has ended.</summary>
    public event Action<ClientPeer>? PeerClosed;

    public int Port => _main.Port;

    public int? VipPort => _vip?.Port;

    public bool IsRunning => _main.IsRunning;

    public int ConnectionCount => _main.ConnectionCount + (_vip?.ConnectionCount ?? 0);

    /// <summary>From now on another member of the broker set answers here.</summary>
    public void Serve(RequestTable table)
    {
        _table = table;
        _main.Serve(table);
        _vip?.Serve(table);
    }

    /// <exception cref="RocketMQNetworkException">A port is taken.</exception>
    public async Task StartAsync()
    {
        for (var attempt = 1; ; attempt++)
        {
            _main.Start();
            try
            {
                StartVip();
                _wantedPort = _main.Port;
                return;
            }
            catch (RocketMQNetworkException)
            {
                await _main.StopAsync().ConfigureAwait(false);
                if (_wantedPort != 0 || attempt == Attempts)
                {
                    throw;
                }

                // Any port will do, but it must be one whose neighbour is free, too.
                _main = NewEndpoint(0, countedAs: null);
                _vip = null;
            }
        }
    }

    public Task StopAsync() => Task.WhenAll(_main.StopAsync(), _vip?.StopAsync() ?? Task.CompletedTask);

    public void CloseConnections()
    {
        _main.CloseConnections();
        _vip?.CloseConnections();
    }

    private void StartVip()
    {
        if (_options.VipChannel)
        {
            _vip ??= NewEndpoint(_main.Port - VipDistance, $"{_name} (vip)");
            _vip.Start();
        }
    }

    private ServerEndpoint NewEndpoint(int port, string? countedAs)
    {
        var endpoint = new ServerEndpoint(
            _name,
            FaultServers.Brokers,
            new IPEndPoint(_options.BindAddress, port),
            _table,
            _faults,
            _options.TimeProvider,
            _logger,
            _security,
            countedAs,
            _options.SerializeType,
            _options.MaxFrameLength);
        endpoint.PeerClosed += peer => PeerClosed?.Invoke(peer);
        return endpoint;
    }
}

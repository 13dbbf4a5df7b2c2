using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Embedded.Naming;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Slaves;
using OrleansRocketMQ.Embedded.Topics;

namespace OrleansRocketMQ.Embedded;

/// <summary>
/// A slave of an embedded broker: listens on a port of its own, stands in the routes beside its master under the same
/// name, has the master's messages as soon as they are stored (unless replication is paused), answers pulls and
/// questions, and stores nothing. Its offsets are overwritten by the master's every
/// <see cref="EmbeddedRocketMQOptions.SlaveSyncInterval"/> while that runs. Keeps nothing on disk. Mirrors a broker with
/// <c>brokerRole=SLAVE</c> and RocketMQ 5.3's defaults: it never becomes master. Thread-safe.
/// </summary>
public sealed class EmbeddedSlave : IAsyncDisposable
{
    private readonly SemaphoreSlim _lifecycle = new(1, 1);
    private readonly EmbeddedRocketMQOptions _options;
    private readonly RouteTable _routes;
    private readonly SlaveCore _core;
    private readonly BrokerEndpoints _endpoint;
    private readonly Registration _registration;
    private bool _disposed;

    internal EmbeddedSlave(
        EmbeddedBroker master, BrokerCore masterCore, long brokerId, int port, EmbeddedRocketMQOptions options, RouteTable routes, FaultInjection faults)
    {
        Master = master;
        BrokerId = brokerId;
        _options = options;
        _routes = routes;
        var table = new RequestTable(options.Accounts is null ? null : new AccessControl(options.Accounts));
        var logger = options.LoggerFactory.CreateLogger<EmbeddedSlave>();
        _endpoint = new($"{master.Name} (slave {brokerId})", port, options, table, faults, logger);
        _core = new(master.Name, brokerId, masterCore, () => master.IsRunning, options, table, logger);
        _endpoint.PeerClosed += _core.Forget;
        _registration = new(this, masterCore.Topics);
    }

    /// <summary>The broker it is a slave of.</summary>
    public EmbeddedBroker Master { get; }

    /// <summary>Its id in the broker set, from 1 on; the master's is 0.</summary>
    public long BrokerId { get; }

    /// <summary>Where clients find it, <c>host:port</c>; the same after a restart.</summary>
    public string Address => new HostAndPort(_options.ToldAddress.ToString(), _endpoint.Port).ToString();

    /// <summary>Whether it listens.</summary>
    public bool IsRunning => _endpoint.IsRunning;

    /// <summary>How many clients are connected.</summary>
    public int ConnectionCount => _endpoint.ConnectionCount;

    /// <summary>How many bytes of the master's commit log have not arrived; 0 unless replication is paused.</summary>
    public long BytesBehind => _core.Store.Behind;

    /// <summary>Listens, and registers with the name server. Has no effect when it does already.</summary>
    /// <exception cref="RocketMQNetworkException">The port is taken.</exception>
    public async Task StartAsync()
    {
        await _lifecycle.WaitAsync().ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!_endpoint.IsRunning)
            {
                await _endpoint.StartAsync().ConfigureAwait(false);
                _core.Start();
                _routes.Register(_registration);
            }
        }
        finally
        {
            _lifecycle.Release();
        }
    }

    /// <summary>Stops listening and closes every connection. Offsets stay; who is in which group is forgotten.</summary>
    /// <param name="unregister">
    /// True (default): the name server is told, so that routes no longer name this slave. False: as after a crash, routes
    /// still name it.
    /// </param>
    public async Task StopAsync(bool unregister = true)
    {
        await _lifecycle.WaitAsync().ConfigureAwait(false);
        try
        {
            await StopListeningAsync(unregister).ConfigureAwait(false);
        }
        finally
        {
            _lifecycle.Release();
        }
    }

    /// <summary>Closes every connection; new ones are welcome.</summary>
    public void CloseConnections() => _endpoint.CloseConnections();

    /// <summary>From now on what the master stores does not arrive: this slave falls behind.</summary>
    public void PauseReplication() => _core.Store.Pause();

    /// <summary>Everything the master has arrives again, what was missed included.</summary>
    public void ResumeReplication() => _core.Store.Resume();

    /// <summary>The offset a group has committed as far as this slave knows, or null when it knows of none.</summary>
    public long? CommittedOffset(string group, string topic, int queueId) => _core.Offsets.Find(new(group, topic, queueId));

    /// <summary>The offset behind the last message of a queue that has arrived.</summary>
    public long MaxOffset(string topic, int queueId) => _core.Store.MaxOffset(new(topic, queueId));

    /// <summary>The client ids of a group's members at this slave, once per connection; empty when nobody is online.</summary>
    public IReadOnlyList<string> ClientsOf(string group)
        => [.. (_core.Consumers.View(group)?.Members ?? []).Select(member => member.ClientId)];

    /// <summary>Stops it for good.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        await _lifecycle.WaitAsync().ConfigureAwait(false);
        await StopListeningAsync(unregister: true).ConfigureAwait(false);
        _lifecycle.Dispose();
    }

    private async Task StopListeningAsync(bool unregister)
    {
        if (unregister)
        {
            _routes.Unregister(_registration);
        }

        await _endpoint.StopAsync().ConfigureAwait(false);
        _core.Stop();
    }

    private sealed class Registration(EmbeddedSlave slave, TopicTable topics) : IRegisteredBroker
    {
        public string Name => slave.Master.Name;

        public long BrokerId => slave.BrokerId;

        public string ClusterName => slave._options.ClusterName;

        public string Address => slave.Address;

        public TopicConfig? FindTopic(string topic) => topics.Find(topic);

        public IEnumerable<TopicConfig> Topics => topics.All;
    }
}

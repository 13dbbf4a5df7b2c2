using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Embedded.Core;
using OrleansRocketMQ.Embedded.Naming;
using OrleansRocketMQ.Embedded.Offsets;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Slaves;
using OrleansRocketMQ.Embedded.StaticTopics;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Framing;

namespace OrleansRocketMQ.Embedded;

/// <summary>
/// A slave of an embedded broker: listens on a port of its own, stands in the routes beside its master under the same
/// name, has the master's messages as soon as they are stored (unless replication is paused), answers pulls and
/// questions, and stores nothing. Its offsets are overwritten by the master's every
/// <see cref="EmbeddedRocketMQOptions.SlaveSyncInterval"/> while that runs. Keeps nothing on disk. Mirrors a broker with
/// <c>brokerRole=SLAVE</c> and RocketMQ 5.3's defaults; it becomes master by <see cref="EmbeddedBroker.FailOverAsync"/>, or acts as one
/// by <see cref="EmbeddedRocketMQOptions.SlaveActingMaster"/>. Thread-safe.
/// </summary>
public sealed class EmbeddedSlave : IAsyncDisposable
{
    private readonly EmbeddedRocketMQOptions _options;
    private readonly SlaveCore _core;
    private readonly RequestTable _table;
    private BrokerEndpoints _endpoint;
    private readonly Presence _presence;

    internal EmbeddedSlave(
        EmbeddedBroker master,
        BrokerCore masterCore,
        long brokerId,
        int port,
        EmbeddedRocketMQOptions options,
        ServerSecurity security,
        RouteTable routes,
        FaultInjection faults)
    {
        Master = master;
        BrokerId = brokerId;
        _options = options;
        _table = new RequestTable(security);
        var logger = options.LoggerFactory.CreateLogger<EmbeddedSlave>();
        _endpoint = new($"{master.Name} (slave {brokerId})", port, options, _table, security, faults, logger);
        _core = new(master.Name, brokerId, masterCore, () => master.IsRunning, IsActing, options, _table, logger);
        _endpoint.PeerClosed += _core.Forget;
        _presence = new(_endpoint, routes, new Registration(this, masterCore), _core.Start, _core.Stop);
    }

    /// <summary>The broker it is a slave of.</summary>
    public EmbeddedBroker Master { get; }

    /// <summary>Its id in the broker set, from 1 on; the master's is 0.</summary>
    public long BrokerId { get; }

    /// <summary>
    /// Where clients find it, <c>host:port</c>; the same after a restart, that of the master after
    /// <see cref="EmbeddedBroker.FailOverAsync"/>.
    /// </summary>
    public string Address => new HostAndPort(_options.ToldAddress.ToString(), _endpoint.Port).ToString();

    /// <summary>Whether it listens.</summary>
    public bool IsRunning => _endpoint.IsRunning;

    /// <summary>How many clients are connected.</summary>
    public int ConnectionCount => _endpoint.ConnectionCount;

    /// <summary>How many bytes of the master's commit log have not arrived; 0 unless replication is paused.</summary>
    public long BytesBehind => _core.Store.Behind;

    /// <summary>Listens, and registers with the name server. Has no effect when it does already.</summary>
    /// <exception cref="RocketMQNetworkException">The port is taken.</exception>
    public Task StartAsync() => _presence.StartAsync();

    /// <summary>Stops listening and closes every connection. Offsets stay; who is in which group is forgotten.</summary>
    /// <param name="unregister">
    /// True (default): the name server is told, so that routes no longer name this slave. False: as after a crash, routes
    /// still name it.
    /// </param>
    public Task StopAsync(bool unregister = true) => _presence.StopAsync(unregister);

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

    internal OffsetTable Offsets => _core.Offsets;

    /// <summary>Whether all that the master stores arrives.</summary>
    internal bool IsFollowing => _core.Store.IsFollowing;

    internal Task InTurnAsync(Func<Task> work) => _presence.InTurnAsync(work);

    /// <summary>Answers at another endpoint from now on.</summary>
    /// <returns>The one it had.</returns>
    internal BrokerEndpoints Exchange(BrokerEndpoints other)
    {
        var mine = _endpoint;
        mine.PeerClosed -= _core.Forget;
        other.PeerClosed += _core.Forget;
        _core.ForgetClients();
        other.Serve(_table);
        _endpoint = other;
        return mine;
    }

    internal void MoveTo(BrokerEndpoints endpoint) => _presence.MoveTo(endpoint);

    /// <summary>Whether it stands in for its master: the member with the least id that runs does.</summary>
    private bool IsActing() => _options.SlaveActingMaster && !Master.IsRunning
        && !Master.Slaves.Any(other => other.BrokerId < BrokerId && other.IsRunning);

    /// <summary>Stops it for good.</summary>
    public async ValueTask DisposeAsync() => await _presence.EndAsync().ConfigureAwait(false);

    private sealed class Registration(EmbeddedSlave slave, BrokerCore master) : IRegisteredBroker
    {
        public string Name => slave.Master.Name;

        public long BrokerId => slave.BrokerId;

        public string ClusterName => slave._options.ClusterName;

        public string Address => slave.Address;

        public TopicConfig? FindTopic(string topic) => master.Topics.FindListed(topic);

        public IEnumerable<TopicConfig> Topics => master.Topics.All;

        public QueueMapping? FindMapping(string topic) => master.Mappings.Find(topic);

        // Brokers ask masters.
        public ValueTask<RemotingCommand?> AnswerAsync(ClientPeer peer, RemotingCommand request) => default;
    }
}

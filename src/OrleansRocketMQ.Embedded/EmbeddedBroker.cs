using System.Net;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Embedded.Core;
using OrleansRocketMQ.Embedded.Naming;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.StaticTopics;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded;

/// <summary>
/// A broker in process; a master, to which slaves may be added. Stopped and started again it goes on with what it had.
/// Thread-safe.
/// </summary>
public sealed class EmbeddedBroker : IAsyncDisposable
{
    private readonly EmbeddedRocketMQOptions _options;
    private readonly ServerSecurity _security;
    private readonly RouteTable _routes;
    private readonly BrokerCore _core;
    private BrokerEndpoints _endpoint;
    private readonly Presence _presence;
    private readonly FaultInjection _faults;
    private readonly RequestTable _table;
    private volatile EmbeddedSlave[] _slaves = [];

    internal EmbeddedBroker(
        string name,
        int port,
        EmbeddedRocketMQOptions options,
        ServerSecurity security,
        RouteTable routes,
        FaultInjection faults)
    {
        Name = name;
        _options = options;
        _security = security;
        _routes = routes;
        _faults = faults;
        _table = new RequestTable(security);
        var logger = options.LoggerFactory.CreateLogger<EmbeddedBroker>();
        _endpoint = new(name, port, options, _table, security, faults, logger);
        var others = new OtherBrokers(QueuesOf, routes.ForwardAsync);
        _core = new BrokerCore(name, options, () => new IPEndPoint(options.ToldAddress, _endpoint.Port), _table, others, logger);
        _endpoint.PeerClosed += _core.Forget;
        _presence = new(_endpoint, routes, new Registration(this), Start, _core.Stop);
    }

    /// <summary>The broker's name.</summary>
    public string Name { get; }

    /// <summary>
    /// Where clients find it, <c>host:port</c>; the same after a restart, that of the slave after <see cref="FailOverAsync"/>.
    /// </summary>
    public string Address => new HostAndPort(_options.ToldAddress.ToString(), _endpoint.Port).ToString();

    /// <summary>Whether it listens.</summary>
    public bool IsRunning => _endpoint.IsRunning;

    /// <summary>Its slaves, running or not.</summary>
    public IReadOnlyList<EmbeddedSlave> Slaves => _slaves;

    /// <summary>How many clients are connected.</summary>
    public int ConnectionCount => _endpoint.ConnectionCount;

    /// <summary>Where clients find it that use the VIP channel, <c>host:port</c>; null when there is none.</summary>
    public string? VipAddress => _endpoint.VipPort is { } port ? new HostAndPort(_options.ToldAddress.ToString(), port).ToString() : null;

    /// <summary>How many pulls wait for messages.</summary>
    public int HeldPulls => _core.Hold.Count;

    /// <summary>How many pops wait for messages.</summary>
    public int HeldPops => _core.Pops.HeldPops;

    /// <summary>The topics of this broker, its own ones included.</summary>
    public IReadOnlyCollection<string> Topics => [.. _core.Topics.All.Select(topic => topic.Name)];

    /// <summary>Listens, and registers with the name server. Has no effect when it does already.</summary>
    /// <exception cref="RocketMQNetworkException">The port is taken.</exception>
    public Task StartAsync() => _presence.StartAsync();

    /// <summary>Starts a further slave of this broker; its id is one above the last one's.</summary>
    /// <param name="port">Its port; 0 takes any free one.</param>
    /// <exception cref="RocketMQNetworkException">The port is taken.</exception>
    public async Task<EmbeddedSlave> AddSlaveAsync(int port = 0)
    {
        EmbeddedSlave? slave = null;
        await _presence.InTurnAsync(() =>
        {
            slave = new(this, _core, _slaves.Length + 1, port, _options, _security, _routes, _faults);
            _slaves = [.. _slaves, slave];
            return Task.CompletedTask;
        }).ConfigureAwait(false);
        await slave!.StartAsync().ConfigureAwait(false);
        return slave;
    }

    /// <summary>
    /// Stops listening and closes every connection. Its slaves run on. Messages, topics, groups and offsets stay; who is in which group and
    /// who holds which lock is forgotten, as when a broker's process ends.
    /// </summary>
    /// <param name="unregister">
    /// True (default): the name server is told, so that routes no longer name this broker. False: as after a crash, routes
    /// still name it.
    /// </param>
    public Task StopAsync(bool unregister = true) => _presence.StopAsync(unregister);

    /// <summary>Stops and starts again.</summary>
    /// <param name="unregister">See <see cref="StopAsync"/>.</param>
    public async Task RestartAsync(bool unregister = true)
    {
        await StopAsync(unregister).ConfigureAwait(false);
        await StartAsync().ConfigureAwait(false);
    }

    /// <summary>
    /// Has a slave take the master's place, as a controller does: from now on the master is where the slave was, with all messages,
    /// the offsets that had been replicated, and without a member, a lock or a waiting pull. The slave is where the master was: it
    /// answers there as a slave if the master ran, and does not run if the master did not.
    /// </summary>
    /// <param name="slave">A slave of this broker that runs and follows it.</param>
    /// <exception cref="RocketMQException">With code <see cref="RocketMQErrorCode.State"/>: it is not such a slave.</exception>
    public Task FailOverAsync(EmbeddedSlave slave)
    {
        ArgumentNullException.ThrowIfNull(slave);
        return _presence.InTurnAsync(() => slave.InTurnAsync(() =>
        {
            if (slave.Master != this || !slave.IsRunning || !slave.IsFollowing)
            {
                throw new RocketMQException(RocketMQErrorCode.State, $"Slave {slave.BrokerId} cannot take the place of broker {Name}.");
            }

            var (mine, its) = (_endpoint, slave.Exchange(_endpoint));
            mine.PeerClosed -= _core.Forget;
            its.PeerClosed += _core.Forget;
            _core.BecomeAnother(slave.Offsets);
            its.Serve(_table);
            _endpoint = its;
            _presence.MoveTo(its);
            slave.MoveTo(mine);
            return Task.CompletedTask;
        }));
    }

    /// <summary>Closes every connection; new ones are welcome.</summary>
    public void CloseConnections() => _endpoint.CloseConnections();

    /// <summary>Makes a topic, or changes its number of queues.</summary>
    /// <exception cref="RocketMQValidationException">The name or the number is not allowed.</exception>
    public void CreateTopic(string topic, int queues)
    {
        if (ReservedTopics.Complaint(topic) is { } complaint)
        {
            throw new RocketMQValidationException(nameof(topic), topic, $"a topic's name ({complaint})");
        }

        if (queues is < 1 or > 1024)
        {
            throw new RocketMQValidationException(nameof(queues), queues, "1 to 1024");
        }

        _core.Topics.Set(new(topic, queues, queues));
    }

    /// <summary>Deletes a topic with its messages and everybody's offsets.</summary>
    /// <returns>Whether there was one.</returns>
    public bool DeleteTopic(string topic) => _core.TopicAdmin.Delete(topic);

    /// <summary>How many queues consumers may read; 0 when there is no such topic.</summary>
    public int QueueCount(string topic) => _core.Topics.Find(topic)?.ReadQueues ?? 0;

    /// <summary>The offset a group has committed, or null when it has not.</summary>
    public long? CommittedOffset(string group, string topic, int queueId) => _core.Offsets.Find(new(group, topic, queueId));

    /// <summary>The offset the next message of a queue will get.</summary>
    public long MaxOffset(string topic, int queueId) => _core.Store.MaxOffset(new(topic, queueId));

    /// <summary>The offset of the oldest message kept of a queue.</summary>
    public long MinOffset(string topic, int queueId) => _core.Store.MinOffset(new(topic, queueId));

    /// <summary>The messages kept of a queue, in their order. Meant for tests: it holds all of them at once.</summary>
    public IReadOnlyList<MessageExt> Messages(string topic, int queueId)
    {
        var queue = new TopicQueue(topic, queueId);
        var messages = new List<MessageExt>();
        for (var offset = _core.Store.MinOffset(queue); offset < _core.Store.MaxOffset(queue); offset++)
        {
            if (_core.Store.TryGet(queue, offset, out _, out var record))
            {
                MessageDecoder.DecodeAll(record, Name, messages);
                offset += RecordLayout.MessagesIn(record.Span) - 1;
            }
        }

        return messages;
    }

    /// <summary>The messages kept of a topic, queue by queue. Meant for tests: it holds all of them at once.</summary>
    public IReadOnlyList<MessageExt> Messages(string topic)
        => [.. Enumerable.Range(0, QueueCount(topic)).SelectMany(queueId => Messages(topic, queueId))];

    /// <summary>How many delayed messages wait for the time when they come to a topic; for a retry topic those that failed.</summary>
    public int DelayedMessages(string topic) => _core.DelayedFor(topic);

    /// <summary>
    /// How many messages of a topic a group has popped that are neither acknowledged nor offered again; not those it popped in order.
    /// </summary>
    public int PoppedMessages(string group, string topic) => _core.Pops.CountOf(group, topic);

    /// <summary>The client ids of a group's members, once per connection; empty when nobody is online.</summary>
    public IReadOnlyList<string> ClientsOf(string group)
        => [.. (_core.Consumers.View(group)?.Members ?? []).Select(member => member.ClientId)];

    /// <summary>The client that holds a queue's lock for a group, or null.</summary>
    public string? LockHolder(string group, string topic, int queueId) => _core.Locks.HolderOf(group, new(Name, queueId, topic));

    /// <summary>Stops the broker for good.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!await _presence.EndAsync().ConfigureAwait(false))
        {
            return;
        }

        foreach (var slave in _slaves)
        {
            await slave.DisposeAsync().ConfigureAwait(false);
        }

        _core.Dispose();
    }

    // What a slave was told that acted as master comes back before clients do. Mirrors BrokerPreOnlineService.
    private void Start()
    {
        foreach (var slave in _slaves.Where(slave => _options.SlaveActingMaster && slave.IsRunning))
        {
            _core.Offsets.RaiseTo(slave.Offsets);
        }

        _core.Start();
    }

    private QueueKey[]? QueuesOf(string topic)
        => _routes.ReadQueuesOf(topic)?.Select(queue => new QueueKey(queue.Broker, queue.QueueId, topic)).ToArray();

    private sealed class Registration(EmbeddedBroker broker) : IRegisteredBroker
    {
        public string Name => broker.Name;

        public long BrokerId => BrokerData.MasterId;

        public string ClusterName => broker._options.ClusterName;

        public string Address => broker.Address;

        public TopicConfig? FindTopic(string topic) => broker._core.Topics.FindListed(topic);

        public IEnumerable<TopicConfig> Topics => broker._core.Topics.All;

        public QueueMapping? FindMapping(string topic) => broker._core.Mappings.Find(topic);

        public ValueTask<RemotingCommand?> AnswerAsync(ClientPeer peer, RemotingCommand request)
            => broker.IsRunning ? broker._table.AnswerAsync(peer, request) : default;
    }
}

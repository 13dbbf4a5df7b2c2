using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>
/// One client of a RocketMQ cluster: its connections, its routes, and its membership in groups. A process needs one per
/// cluster, shared by all its consumers and producers. Works while name servers or brokers are away and finds them when
/// they are back. Thread-safe. Mirrors <c>MQClientInstance</c>.
/// </summary>
public sealed partial class RocketMQClient : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, ConsumerEntry> _consumers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _producers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _published = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private readonly ILogger _logger;
    private readonly RouteRefresher _refresher;
    private readonly Heartbeats _heartbeats;
    private readonly ConnectionPulse _pulse;
    private Task? _loops;
    private Task? _stopped;

    /// <summary>Creates a client; it connects to nothing until started or asked.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="loggerFactory">Where to log.</param>
    /// <param name="timeProvider">The clock of intervals and time-outs; null means the system's.</param>
    /// <exception cref="RocketMQConfigurationException">A setting is missing or out of range.</exception>
    public RocketMQClient(RocketMQClientOptions options, ILoggerFactory loggerFactory, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(loggerFactory);
        options.Validate();
        var time = timeProvider ?? TimeProvider.System;
        _logger = loggerFactory.CreateLogger<RocketMQClient>();
        Remoting = new RemotingClient(options.Remoting, time, loggerFactory.CreateLogger<RemotingClient>());
        Options = options with { DecoderOptions = options.DecoderOptions with { Namespace = Remoting.Names } };
        NameServer = new NameServerClient(Remoting, options.NameServerAddresses, loggerFactory.CreateLogger<NameServerClient>(), time);
        Brokers = new BrokerClient(Remoting, options.PullTimeout, options.VipChannel);
        Routes = new RouteTable(NameServer, loggerFactory.CreateLogger<RouteTable>());
        _refresher = new RouteRefresher(Routes, ForgetServers, options.PollNameServerInterval, time, _logger);
        _heartbeats = new Heartbeats(
            new HeartbeatSource(this), Routes, Brokers, options.HeartbeatInterval, options.UseHeartbeatV2, time, _logger);

        _pulse = new ConnectionPulse(Remoting, options.ClientId, time, _logger);
        TransactionChecks = new TransactionChecks(Brokers, Options.DecoderOptions, _logger);

        Routes.Changed += _ => _heartbeats.RoutesChanged();
        Remoting.ConnectionOpened += _heartbeats.ConnectionOpened;
        Remoting.Handle(RequestCodes.NotifyConsumerIdsChanged, OnConsumerIdsChanged);
    }

    /// <summary>
    /// Raised with the group's name when a broker tells that members came or went, or that subscriptions changed. Comes on
    /// the thread that reads the connection: handlers must only take note.
    /// </summary>
    public event Action<string>? ConsumerIdsChanged;

    /// <summary>The settings.</summary>
    public RocketMQClientOptions Options { get; }

    /// <summary>Who this client is to brokers.</summary>
    public string ClientId => Options.ClientId;

    /// <summary>The connections.</summary>
    public RemotingClient Remoting { get; }

    /// <summary>The name servers.</summary>
    public NameServerClient NameServer { get; }

    /// <summary>How names of topics and groups are written on the wire.</summary>
    internal ClientNamespace Names => Remoting.Names;

    /// <summary>Requests to brokers.</summary>
    public BrokerClient Brokers { get; }

    /// <summary>Where topics and brokers are.</summary>
    public RouteTable Routes { get; }

    /// <summary>Who answers brokers that ask how a transaction ended.</summary>
    internal TransactionChecks TransactionChecks { get; }

    /// <summary>The groups this client consumes for.</summary>
    public IReadOnlyCollection<string> ConsumerGroups => [.. _consumers.Keys];

    /// <summary>The groups this client produces for.</summary>
    public IReadOnlyCollection<string> ProducerGroups => [.. _producers.Keys];

    /// <summary>Begins to keep routes up to date and to send heartbeats. Does nothing when already started.</summary>
    /// <exception cref="ObjectDisposedException">The client was stopped.</exception>
    public void Start()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_stopped is not null, this);
            var stopping = _stopping.Token;
            _loops ??= Task.WhenAll(
                BackgroundLoop.Run("refresh of routes", _refresher.RunAsync, Remoting.TimeProvider, _logger, stopping),
                BackgroundLoop.Run("heartbeats", _heartbeats.RunAsync, Remoting.TimeProvider, _logger, stopping),
                BackgroundLoop.Run("pulse of connections", _pulse.RunAsync, Remoting.TimeProvider, _logger, stopping),
                BackgroundLoop.Run(
                    "reload of secrets", new SecretsRotation(Remoting, ClientId).RunAsync, Remoting.TimeProvider, _logger, stopping));
        }
    }

    /// <summary>
    /// Makes this client a member of a consumer group: its routes are kept, and brokers are told at once and at every
    /// heartbeat. Brokers must know a group before it may pull; await <see cref="HeartbeatAsync"/> for that.
    /// </summary>
    /// <param name="group">The group; one consumer per group and client.</param>
    /// <param name="describe">What to tell brokers of the group; asked at each heartbeat, must be quick and thread-safe.</param>
    /// <param name="topics">The topics to have routes of, the group's %RETRY% topic among them if it has one.</param>
    /// <exception cref="RocketMQValidationException">The group's name is not allowed.</exception>
    /// <exception cref="RocketMQException">With code <see cref="RocketMQErrorCode.State"/>: the group is registered already.</exception>
    public void RegisterConsumer(string group, Func<ConsumerData> describe, IEnumerable<string> topics)
    {
        SystemTopics.CheckGroup(group);
        ArgumentNullException.ThrowIfNull(describe);
        var entry = new ConsumerEntry(describe, [.. topics]);
        if (!_consumers.TryAdd(group, entry))
        {
            throw new RocketMQException(
                RocketMQErrorCode.State,
                $"Client {ClientId} already consumes for group '{group}'. "
                    + "Unregister that consumer first, or give one of them another group or client.");
        }

        Watch(entry.Topics);
        _heartbeats.BeatSoon();
    }

    /// <summary>Says that what a registered consumer tells of itself, or the topics it needs routes of, have changed.</summary>
    /// <param name="group">A registered group.</param>
    /// <param name="topics">
    /// All the topics it needs now; null: as before. Brokers that occur in no route any more are forgotten at once, so give
    /// up the queues of a topic, commits and unlocks included, before leaving it out.
    /// </param>
    /// <exception cref="RocketMQException">With code <see cref="RocketMQErrorCode.State"/>: the group is not registered.</exception>
    public void ConsumerChanged(string group, IEnumerable<string>? topics = null)
    {
        if (!_consumers.TryGetValue(group, out var entry))
        {
            throw new RocketMQException(RocketMQErrorCode.State, $"Client {ClientId} does not consume for group '{group}'.");
        }

        if (topics is not null)
        {
            var before = entry.Topics;
            entry.Topics = [.. topics];
            Watch(entry.Topics);
            UnwatchUnused(before);
        }

        _heartbeats.BeatSoon();
    }

    /// <summary>
    /// Leaves a consumer group, and tells all brokers so. Brokers that cannot be reached find out by themselves. Commit
    /// offsets and unlock queues before: afterwards the routes of its topics are forgotten.
    /// </summary>
    public async Task UnregisterConsumerAsync(string group, CancellationToken cancellationToken = default)
    {
        if (_consumers.TryRemove(group, out var entry))
        {
            await UnregisterAsync(producerGroup: null, consumerGroup: group, cancellationToken).ConfigureAwait(false);
            UnwatchUnused(entry.Topics);
        }
    }

    /// <summary>Makes this client a member of a producer group; several producers of it may share one.</summary>
    /// <exception cref="RocketMQValidationException">The group's name is not allowed.</exception>
    public void RegisterProducer(string group)
    {
        SystemTopics.CheckGroup(group, "ProducerGroup");
        if (_producers.AddOrUpdate(group, 1, static (_, members) => members + 1) == 1)
        {
            _heartbeats.BeatSoon();
        }
    }

    /// <summary>Undoes one <see cref="RegisterProducer"/>; the last one leaves the group, and tells all brokers so.</summary>
    public async Task UnregisterProducerAsync(string group, CancellationToken cancellationToken = default)
    {
        // Down to 0, and away at 0: a registration in between finds either and is never lost.
        while (_producers.TryGetValue(group, out var members) && !_producers.TryUpdate(group, members - 1, members))
        {
        }

        if (_producers.TryRemove(new KeyValuePair<string, int>(group, 0)))
        {
            await UnregisterAsync(producerGroup: group, consumerGroup: null, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Sends a heartbeat to all brokers now.</summary>
    /// <returns>The brokers that answered; those that did not are tried again by themselves.</returns>
    public Task<IReadOnlyList<BrokerAddress>> HeartbeatAsync(CancellationToken cancellationToken = default)
        => _heartbeats.BeatAllAsync(cancellationToken);

    /// <summary>Sends a heartbeat to all brokers now, and waits for the first that answers.</summary>
    internal Task HeartbeatUntilOneAnswersAsync(CancellationToken cancellationToken)
        => _heartbeats.BeatUntilOneAnswersAsync(cancellationToken);

    /// <summary>
    /// Sends a heartbeat to one broker; those who ask for it at the same time share it. Ends also when the broker does not
    /// take it.
    /// </summary>
    internal Task HeartbeatToAsync(string address, CancellationToken cancellationToken)
        => _heartbeats.BeatAsync(address, cancellationToken);

    /// <summary>The protocol level of a broker, an ordinal of <c>MQVersion</c>; null when it has not answered a heartbeat yet.</summary>
    public int? BrokerVersion(string address) => _heartbeats.VersionOf(address);

    /// <summary>Brokers that did not take the last heartbeat.</summary>
    public IReadOnlyList<UnreachableServer> UnreachableBrokers => _heartbeats.Unreachable;

    /// <summary>What is wrong with changed files of certificates and access keys; those from before are used.</summary>
    internal IReadOnlyList<string> FileTroubles => Remoting.Secrets.Troubles;

    /// <summary>Sets who answers requests with this code that brokers send to us.</summary>
    public void Handle(int requestCode, RemotingRequestHandler handler) => Remoting.Handle(requestCode, handler);

    /// <summary>Leaves all groups, ends the loops and closes the connections. Safe to call more than once.</summary>
    /// <param name="cancellationToken">Gives up telling brokers; everything else is still done.</param>
    public Task StopAsync(CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            return _stopped ??= Task.Run(() => StopCoreAsync(cancellationToken), CancellationToken.None);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => new(StopAsync());

    /// <summary>Keeps the route of a topic that is produced to, whatever consumers come and go.</summary>
    internal void Publishing(string topic)
    {
        if (!_published.ContainsKey(topic))
        {
            _published.TryAdd(topic, true);
        }
    }

    private async Task StopCoreAsync(CancellationToken cancellationToken)
    {
        // The loops first: nothing must register anew what is unregistered below.
        await _stopping.CancelAsync().ConfigureAwait(false);
        await (_loops ?? Task.CompletedTask).ConfigureAwait(false);
        try
        {
            await Task.WhenAll(
                // Routes stay: where one group's brokers are forgotten, another could not take its leave.
                [.. _consumers.Keys
                    .Where(group => _consumers.TryRemove(group, out _))
                    .Select(group => UnregisterAsync(producerGroup: null, group, cancellationToken)),
                .. _producers.Keys
                    .Where(group => _producers.TryRemove(group, out _))
                    .Select(group => UnregisterAsync(group, consumerGroup: null, cancellationToken))]).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            Log.LeftWithoutWord(_logger, ClientId);
        }

        await Remoting.DisposeAsync().ConfigureAwait(false);
        _stopping.Dispose();
    }

    private Task UnregisterAsync(string? producerGroup, string? consumerGroup, CancellationToken cancellationToken)
        => Task.WhenAll(Routes.Brokers.Select(broker => _heartbeats.BetweenBeatsAsync(
            broker.Address,
            async () =>
            {
                try
                {
                    await Brokers
                        .UnregisterAsync(broker.Address, ClientId, producerGroup, consumerGroup, cancellationToken)
                        .ConfigureAwait(false);
                }
                catch (RocketMQException exception)
                {
                    Log.NotUnregistered(_logger, consumerGroup ?? producerGroup, broker.Address, exception.Message);
                }
            },
            cancellationToken)));

    private void Watch(IEnumerable<string> topics)
    {
        foreach (var topic in topics)
        {
            Routes.Watch(topic);
        }

        _refresher.RefreshSoon();
    }

    private void UnwatchUnused(IEnumerable<string> topics)
    {
        var used = _consumers.Values.SelectMany(consumer => consumer.Topics).Concat(_published.Keys).ToHashSet(StringComparer.Ordinal);
        foreach (var topic in topics.Where(topic => !used.Contains(topic)))
        {
            Routes.Unwatch(topic);
        }
    }

    private void ForgetServers() => Remoting.ForgetExcept(Routes.Brokers
        .SelectMany(broker => new[] { broker.Address, VipChannel.FastAddressOf(broker.Address) })
        .Concat(NameServer.Addresses)
        .ToHashSet(StringComparer.Ordinal));

    private ValueTask<RemotingCommand?> OnConsumerIdsChanged(RemotingConnection connection, RemotingCommand request)
    {
        if (request["consumerGroup"] is { } group)
        {
            EachHandler.Raise(ConsumerIdsChanged, group, exception => Log.HandlerFailed(_logger, group, exception));
        }

        return new((RemotingCommand?)null);
    }

    private sealed class HeartbeatSource(RocketMQClient client) : IHeartbeatSource
    {
        public bool HasConsumers => !client._consumers.IsEmpty;

        public bool HasProducers => !client._producers.IsEmpty;

        public HeartbeatData Describe() => client.Remoting.Names.Wrap(new HeartbeatData
        {
            ClientId = client.ClientId,
            ConsumerDataSet =
                [.. client._consumers.Select(consumer => DescribeOrNull(consumer.Key, consumer.Value)).OfType<ConsumerData>()],
            ProducerDataSet = [.. client._producers.Keys.Select(group => new ProducerData(group))],
        });

        // A group left out of one heartbeat stays registered; one that cannot describe itself must not stop the others.
        private ConsumerData? DescribeOrNull(string group, ConsumerEntry consumer)
        {
            try
            {
                return consumer.Describe();
            }
            catch (Exception exception)
            {
                Log.NotDescribed(client._logger, group, exception);
                return null;
            }
        }
    }

    private sealed class ConsumerEntry(Func<ConsumerData> describe, IReadOnlyList<string> topics)
    {
        private volatile IReadOnlyList<string> _topics = topics;

        public Func<ConsumerData> Describe { get; } = describe;

        public IReadOnlyList<string> Topics
        {
            get => _topics;
            set => _topics = value;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            28,
            LogLevel.Information,
            "Group {Group} could not be unregistered at broker {Address}, which will find out by itself: {Reason}")]
        public static partial void NotUnregistered(ILogger logger, string? group, string address, string reason);

        [LoggerMessage(29, LogLevel.Warning, "Client {ClientId} was told to stop before brokers could be told that it leaves its groups")]
        public static partial void LeftWithoutWord(ILogger logger, string clientId);

        [LoggerMessage(27, LogLevel.Error, "The consumer of group {Group} could not say what it subscribes to; heartbeats go without it")]
        public static partial void NotDescribed(ILogger logger, string group, Exception exception);

        [LoggerMessage(30, LogLevel.Error, "A handler of changed members of group {Group} failed")]
        public static partial void HandlerFailed(ILogger logger, string group, Exception exception);
    }
}

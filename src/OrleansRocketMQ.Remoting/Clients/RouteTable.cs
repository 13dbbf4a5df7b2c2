using System.Collections.Concurrent;
using System.Collections.Frozen;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>
/// The routes of all topics somebody asked for, kept up to date by <see cref="RefreshAsync(CancellationToken)"/>, and
/// the brokers that occur in them. A topic that does not exist stays watched and is found once it does. A route once
/// known is kept while name servers have none or do not answer, so that their restart does not stop consumers.
/// Thread-safe. Mirrors the tables of <c>MQClientInstance</c>.
/// </summary>
public sealed partial class RouteTable
{
    // Name servers serve thousands of clients; nobody gains from asking for hundreds of topics at once.
    private const int ParallelRequests = 4;

    private const int FailuresThatEndARound = 16;

    private static readonly TimeSpan FirstDoubt = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestDoubt = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, WatchedTopic> _topics = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private readonly NameServerClient _nameServer;
    private readonly ILogger _logger;
    private volatile BrokerTable _brokers = BrokerTable.Empty;
    private long _fetches;

    /// <summary>Creates an empty table that asks the given name servers.</summary>
    public RouteTable(NameServerClient nameServer, ILogger logger)
    {
        _nameServer = nameServer;
        _logger = logger;
    }

    /// <summary>Raised with the new route when a topic's route became known or has changed, after the table has it.</summary>
    public event Action<TopicRoute>? Changed;

    /// <summary>The clock of whoever asks.</summary>
    internal TimeProvider TimeProvider => _nameServer.TimeProvider;

    /// <summary>The topics whose routes are asked for.</summary>
    public IReadOnlyCollection<string> Topics => [.. _topics.Keys];

    /// <summary>The names of all broker sets in all routes.</summary>
    public IReadOnlyCollection<string> BrokerNames => _brokers.Names;

    /// <summary>All members of all broker sets in all routes, masters and slaves.</summary>
    public IReadOnlyList<BrokerAddress> Brokers => _brokers.Members;

    /// <summary>The route of a topic if it is known; asks nobody.</summary>
    public TopicRoute? Find(string topic) => _topics.TryGetValue(topic, out var watched) ? watched.Route : null;

    /// <summary>
    /// Why the route of a topic could not be read when it was last asked for; null when it could, or nobody has asked yet.
    /// </summary>
    internal RocketMQException? FailureOf(string topic) => _topics.TryGetValue(topic, out var watched) ? watched.Failure : null;

    /// <summary>Has the route of a topic asked for from the next refresh on.</summary>
    public void Watch(string topic) => _topics.GetOrAdd(topic, static name => new WatchedTopic(name));

    /// <summary>Forgets a topic, and the brokers that occur in no other route.</summary>
    public void Unwatch(string topic)
    {
        if (_topics.TryRemove(topic, out var watched) && watched.Route is not null)
        {
            lock (_gate)
            {
                RebuildBrokers();
            }
        }
    }

    /// <summary>The route of a topic, asked for when it is not known yet; from now on it is watched.</summary>
    /// <exception cref="TopicNotFoundException">The topic does not exist (yet).</exception>
    /// <exception cref="NameServerException">No name server gave a usable answer.</exception>
    public ValueTask<TopicRoute> GetAsync(string topic, CancellationToken cancellationToken = default)
    {
        var watched = _topics.GetOrAdd(topic, static name => new WatchedTopic(name));
        return watched.Route is { } route ? new(route) : new(FetchShared(watched).WaitAsync(cancellationToken));
    }

    /// <summary>Asks for one topic's route even when it is known; for use when a broker or queue turns out to be gone.</summary>
    /// <exception cref="TopicNotFoundException">The topic does not exist (any more).</exception>
    /// <exception cref="NameServerException">No name server gave a usable answer.</exception>
    public Task<TopicRoute> RefreshAsync(string topic, CancellationToken cancellationToken = default)
        => FetchShared(_topics.GetOrAdd(topic, static name => new WatchedTopic(name))).WaitAsync(cancellationToken);

    /// <summary>
    /// Has the route of a topic asked for soon, as a broker in it refuses or cannot be reached: another may be the master by
    /// now. As long as the route stays the same it is asked for less and less often, so whoever fails may say so each time.
    /// </summary>
    /// <returns>Whether it is asked for.</returns>
    internal bool Doubt(string topic, Exception reason)
    {
        if (!SpeaksOfTheRoute(reason) || !_topics.TryGetValue(topic, out var watched))
        {
            return false;
        }

        var time = _nameServer.TimeProvider;
        lock (watched)
        {
            if (watched.DoubtedAt is { } before && time.GetElapsedTime(before) < watched.NextDoubt)
            {
                return false;
            }

            // A broker that says another leads the queue is right: the route is old, for however long name servers take.
            watched.NextDoubt = watched.DoubtedAt is null || IsLeaderElsewhere(reason) ? FirstDoubt : Longer(watched.NextDoubt);
            watched.DoubtedAt = time.GetTimestamp();
        }

        // Nobody waits for it; why a route cannot be read is kept with the topic.
        _ = FetchShared(watched).ContinueWith(
            static fetch => fetch.Exception,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        return true;
    }

    /// <summary>Asks for the routes of all watched topics.</summary>
    /// <exception cref="NameServerException">
    /// The first topic for which no name server gave a usable answer; the others have been asked for, and known routes
    /// stay.
    /// </exception>
    public async Task RefreshAsync(CancellationToken cancellationToken = default)
    {
        var answered = 0;
        var failures = new ConcurrentQueue<Exception>();
        await Parallel.ForEachAsync(
            _topics.Values,
            new ParallelOptions { MaxDegreeOfParallelism = ParallelRequests, CancellationToken = cancellationToken },
            async (watched, cancelled) =>
            {
                // One topic that cannot be read must not keep the others from being asked for; name servers that are away
                // are not asked for each of a thousand topics in turn.
                if (Volatile.Read(ref answered) == 0 && failures.Count >= FailuresThatEndARound)
                {
                    return;
                }

                try
                {
                    await FetchShared(watched).WaitAsync(cancelled).ConfigureAwait(false);
                    Interlocked.Increment(ref answered);
                }
                catch (TopicNotFoundException)
                {
                    // It stays watched: retry topics come with the group's first heartbeat, others when somebody makes them.
                    Interlocked.Increment(ref answered);
                }
                catch (Exception exception) when (exception is not OperationCanceledException)
                {
                    failures.Enqueue(exception);
                }
            }).ConfigureAwait(false);
        if (failures.TryPeek(out var first))
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(first);
        }
    }

    /// <summary>
    /// Where to send requests for a broker set, by the rules of <c>findBrokerAddressInSubscribe</c>: the member asked for;
    /// else, for a slave, the one with the next id; else any member, unless only this one will do.
    /// </summary>
    /// <returns>Null when no route names such a broker.</returns>
    public BrokerAddress? FindAddress(string brokerName, long brokerId = BrokerData.MasterId, bool onlyThisBroker = false)
        => _brokers.Find(brokerName, brokerId, onlyThisBroker);

    /// <summary>
    /// Where to send requests for a queue: to a member of its broker set, chosen as by <see cref="FindAddress(string,long,bool)"/>; of
    /// a logical queue to the broker that leads it by the present route, and there to the master, as no other is sure to know of it.
    /// </summary>
    /// <returns>Null when no route names such a broker, or nobody leads the queue.</returns>
    public BrokerAddress? FindAddressOf(MessageQueue queue, long brokerId = BrokerData.MasterId, bool onlyThisBroker = false)
        => BrokerOf(queue) is { } brokerName
            ? FindAddress(brokerName, queue.IsLogical ? BrokerData.MasterId : brokerId, onlyThisBroker)
            : null;

    /// <summary>The name of the broker set that a queue's requests go to; null when it is a logical queue that nobody leads.</summary>
    internal string? BrokerOf(MessageQueue queue) => queue.IsLogical ? Find(queue.Topic)?.BrokerOf(queue) : queue.BrokerName;

    /// <summary>The broker that keeps a queue's offsets.</summary>
    /// <exception cref="BrokerNotAvailableException">Its address is not known.</exception>
    internal string MasterOf(MessageQueue queue) => FindAddressOf(queue)?.Address
        ?? throw new BrokerNotAvailableException($"No address of broker '{queue.BrokerName}' is known for queue {queue}.");

    /// <summary>
    /// Any broker that knows a topic, for questions every one of them can answer, such as for a group's members: of a
    /// random broker set the master, else a random member. Mirrors <c>findBrokerAddrByTopic</c>.
    /// </summary>
    /// <returns>Null when the topic's route is not known or names no broker.</returns>
    public BrokerAddress? FindAnyBroker(string topic)
    {
        if (Find(topic)?.Data.BrokerDatas is not { Count: > 0 } sets)
        {
            return null;
        }

        var set = sets[Random.Shared.Next(sets.Count)];
        if (set.BrokerAddrs.Count == 0)
        {
            return null;
        }

        var id = set.BrokerAddrs.ContainsKey(BrokerData.MasterId)
            ? BrokerData.MasterId
            : set.BrokerAddrs.Keys.ElementAt(Random.Shared.Next(set.BrokerAddrs.Count));
        return new(set.BrokerName, id, set.BrokerAddrs[id]);
    }

    private static bool SpeaksOfTheRoute(Exception reason) => reason switch
    {
        RocketMQNetworkException or RocketMQTimeoutException or BrokerNotAvailableException => true,
        BrokerResponseException refused => refused.ResponseCode is ResponseCodes.ServiceNotAvailable or ResponseCodes.NoPermission
            or ResponseCodes.TopicNotExist or ResponseCodes.NotLeaderForQueue or ResponseCodes.GoAway
            || IsSlaveByNow(refused),
        _ => false,
    };

    // So slaves refuse pulls that do not serve any (slaveReadEnable=false), and only they.
    private static bool IsSlaveByNow(BrokerResponseException refused)
        => refused is { ResponseCode: ResponseCodes.SystemBusy, RequestCode: RequestCodes.PullMessage or RequestCodes.LitePullMessage };

    private static bool IsLeaderElsewhere(Exception reason)
        => reason is BrokerResponseException { ResponseCode: ResponseCodes.NotLeaderForQueue };

    private static TimeSpan Longer(TimeSpan doubt) => doubt + doubt < LongestDoubt ? doubt + doubt : LongestDoubt;

    private Task<TopicRoute> FetchShared(WatchedTopic watched)
    {
        lock (watched)
        {
            // Its own task: a caller that gives up must not take the answer from the others.
            return watched.Fetching is { IsCompleted: false } fetching
                ? fetching
                : watched.Fetching = Connections.OutOfContext.Start(() => Task.Run(() => FetchAsync(watched)));
        }
    }

    private async Task<TopicRoute> FetchAsync(WatchedTopic watched)
    {
        TopicRoute route;
        try
        {
            route = TopicRoute.From(watched.Topic, await AskForAsync(watched).ConfigureAwait(false));
        }
        catch (RocketMQException exception)
        {
            var before = watched.Failure;
            watched.Failure = exception;
            if (exception is TopicNotFoundException && before is not TopicNotFoundException && watched.Route is not null)
            {
                Log.RouteGone(_logger, watched.Topic);
            }

            throw;
        }

        watched.Failure = null;
        lock (_gate)
        {
            watched.FetchedAs = ++_fetches;
            if (route.SameAs(watched.Route))
            {
                return watched.Route!;
            }

            watched.Route = route;
            RebuildBrokers();
        }

        lock (watched)
        {
            watched.DoubtedAt = null;
        }

        Log.RouteChanged(_logger, route);
        Raise(route);
        return route;
    }

    private Task<TopicRouteData> AskForAsync(WatchedTopic watched)
        => SystemTopics.IsLight(watched.Topic)
            ? AskForLightQueuesAsync()
            : _nameServer.GetRouteAsync(watched.Topic, watched.Answers ??= _nameServer.NewAnswers(), CancellationToken.None);

    private async Task<TopicRouteData> AskForLightQueuesAsync()
        => LightQueues.RouteOf(await _nameServer.GetClusterInfoAsync(CancellationToken.None).ConfigureAwait(false));

    // What was learnt last about a broker set holds, as another topic's route may be older.
    private void RebuildBrokers() => _brokers = BrokerTable.From(_topics.Values
        .Where(watched => watched.Route is not null)
        .OrderBy(watched => watched.FetchedAs)
        .SelectMany(watched => watched.Route!.Data.BrokerDatas));

    private void Raise(TopicRoute route)
        => Connections.EachHandler.Raise(Changed, route, exception => Log.HandlerFailed(_logger, route.Topic, exception));

    private sealed class WatchedTopic(string topic)
    {
        private volatile TopicRoute? _route;
        private volatile RocketMQException? _failure;

        public string Topic { get; } = topic;

        public TopicRoute? Route
        {
            get => _route;
            set => _route = value;
        }

        public long FetchedAs { get; set; }

        /// <summary>What name servers said before; only one asks them at a time.</summary>
        public RouteAnswers? Answers { get; set; }

        /// <summary>When the present route was last doubted; null: never.</summary>
        public long? DoubtedAt { get; set; }

        /// <summary>For how long no other doubt counts.</summary>
        public TimeSpan NextDoubt { get; set; }

        public RocketMQException? Failure
        {
            get => _failure;
            set => _failure = value;
        }

        public Task<TopicRoute>? Fetching { get; set; }
    }

    private sealed class BrokerTable(FrozenDictionary<string, SortedList<long, string>> sets)
    {
        public static BrokerTable Empty { get; } = new(FrozenDictionary<string, SortedList<long, string>>.Empty);

        public IReadOnlyList<BrokerAddress> Members { get; } =
        [
            .. sets.OrderBy(set => set.Key, StringComparer.Ordinal)
                .SelectMany(set => set.Value.Select(member => new BrokerAddress(set.Key, member.Key, member.Value))),
        ];

        public IReadOnlyCollection<string> Names => sets.Keys;

        public static BrokerTable From(IEnumerable<BrokerData> oldestFirst)
        {
            var sets = new Dictionary<string, SortedList<long, string>>(StringComparer.Ordinal);
            foreach (var broker in oldestFirst)
            {
                sets[broker.BrokerName] = new(broker.BrokerAddrs.ToDictionary());
            }

            return new(sets.ToFrozenDictionary(StringComparer.Ordinal));
        }

        public BrokerAddress? Find(string brokerName, long brokerId, bool onlyThisBroker)
        {
            if (!sets.TryGetValue(brokerName, out var members) || members.Count == 0)
            {
                return null;
            }

            if (members.TryGetValue(brokerId, out var address))
            {
                return new(brokerName, brokerId, address);
            }

            if (brokerId != BrokerData.MasterId && members.TryGetValue(brokerId + 1, out address))
            {
                return new(brokerName, brokerId + 1, address);
            }

            return onlyThisBroker ? null : new(brokerName, members.GetKeyAtIndex(0), members.GetValueAtIndex(0));
        }
    }

    private static partial class Log
    {
        [LoggerMessage(22, LogLevel.Information, "Route changed. {Route}")]
        public static partial void RouteChanged(ILogger logger, TopicRoute route);

        [LoggerMessage(23, LogLevel.Warning, "The name server has no route for topic {Topic} any more; the last one known stays in use")]
        public static partial void RouteGone(ILogger logger, string topic);

        [LoggerMessage(24, LogLevel.Error, "A handler of the changed route of topic {Topic} failed")]
        public static partial void HandlerFailed(ILogger logger, string topic, Exception exception);
    }
}

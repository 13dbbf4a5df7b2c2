using System.Net;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Embedded.Admin;
using OrleansRocketMQ.Embedded.Consumers;
using OrleansRocketMQ.Embedded.Delays;
using OrleansRocketMQ.Embedded.Locks;
using OrleansRocketMQ.Embedded.Offsets;
using OrleansRocketMQ.Embedded.Pulls;
using OrleansRocketMQ.Embedded.Sends;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.State;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Embedded.Transactions;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded;

/// <summary>Puts a broker's parts together, keeps its state, and runs what happens by the clock. Mirrors <c>BrokerController</c>.</summary>
internal sealed class BrokerCore : IDisposable
{
    private static readonly TimeSpan SilenceCheckPeriod = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan SavePeriod = TimeSpan.FromSeconds(5);

    private readonly EmbeddedRocketMQOptions _options;
    private readonly ILogger _logger;
    private readonly FolderLock? _folderLock;
    private readonly StateFile? _stateFile;
    private readonly ProducerTable _producers;
    private readonly MessageIntake _intake;
    private readonly HalfMessages _halfMessages;
    private readonly ClientProcessor _clients;
    private readonly DelayLevels _levels;
    private readonly TransactionChecker _transactions;
    private readonly Rounds _rounds;
    private IReadOnlyDictionary<int, long> _delivered;
    private DelayScheduler? _delays;
    private long _savedChanges;
    private long _savedDelayProgress;

    public BrokerCore(string name, EmbeddedRocketMQOptions options, Func<IPEndPoint> storeHost, RequestTable table, ILogger logger)
    {
        _options = options;
        _logger = logger;
        _levels = DelayLevels.Parse(options.MessageDelayLevels);
        var folder = options.DataFolder is null ? null : Path.Combine(options.DataFolder, name);
        if (folder is not null)
        {
            Directory.CreateDirectory(folder);
            _folderLock = FolderLock.Take(folder);
            _stateFile = new(Path.Combine(folder, "state.json"));
        }

        Topics = new(options.AutoCreateTopics, () => Store?.MaxLogOffset ?? 0);
        Groups = new(options.AutoCreateGroups);
        try
        {
            var state = _stateFile?.Load() ?? new();
            LoadTopics(name, state);
            LoadGroups(state);
            Store = OpenStore(folder, state);
            _delivered = state.Delivered;
        }
        catch
        {
            _folderLock?.Dispose();
            throw;
        }

        var time = options.TimeProvider;
        _rounds = new(time, logger);
        Consumers = new(time);
        _producers = new(time);
        Locks = new(options.LockExpiry, time);
        Hold = new(Store, time);
        _intake = new(Store, _levels, options.MaxMessageSize, storeHost);
        _halfMessages = new(_intake, Store);
        _clients = new(Consumers, _producers, Groups, Topics, options, logger);
        _transactions = new(_halfMessages, _intake, _producers, options, logger);
        TopicAdmin = new(Topics, Store, Offsets);

        _clients.AddTo(table);
        TopicAdmin.AddTo(table);
        new TopicViewProcessor(Topics, Store, name).AddTo(table);
        new OffsetProcessor(Offsets, Store, Topics, Groups).AddTo(table);
        new LockProcessor(Locks).AddTo(table);
        new PullProcessor(BrokerData.MasterId, Store, Hold, Consumers, Topics, Groups, Offsets, options).AddTo(table);
        new SendProcessor(_intake, _halfMessages, Topics, Groups, Locks, options).AddTo(table);
        new SendBackProcessor(_intake, Topics, Groups).AddTo(table);
        new EndTransactionProcessor(_halfMessages, _intake).AddTo(table);
        new GroupProcessor(Groups, Consumers, Offsets, Topics, Store, name, options.PushOffsetResets).AddTo(table);
        new ViewProcessor(Store).AddTo(table);
        new RelayProcessor(Consumers, Store, name).AddTo(table);

        // A topic or group must not be forgotten once somebody has relied on it; offsets may lag, as in RocketMQ.
        Topics.Changed += Save;
        Groups.Changed += Save;
        Save();
    }

    public MessageStore Store { get; }

    public TopicTable Topics { get; }

    public GroupTable Groups { get; }

    public TopicProcessor TopicAdmin { get; }

    public OffsetTable Offsets { get; } = new();

    public ConsumerTable Consumers { get; }

    public QueueLockTable Locks { get; }

    public PullHold Hold { get; }

    private long DelayProgress => (_delays?.Delivered ?? _delivered).Values.Sum();

    public void Start()
    {
        _delays = new(Store, _intake, _levels, _delivered, _options.TimeProvider, _logger);
        _rounds.Every(SilenceCheckPeriod, _clients.CloseSilent);
        _rounds.Every(_options.TransactionCheckInterval, _transactions.Check);
        _rounds.Every(SavePeriod, SaveOffsets);
    }

    public int DelayedFor(string topic) => DelayScheduler.Waiting(Store, _delays?.Delivered ?? _delivered, topic);

    /// <summary>Ends what belongs to a running broker; what it knows of its clients goes with them.</summary>
    public void Stop()
    {
        _rounds.Stop();
        _delivered = _delays?.Delivered ?? _delivered;
        _delays?.Dispose();
        _delays = null;
        Hold.DropAll();
        Consumers.Clear();
        _producers.Clear();
        Locks.Clear();
        Save();
    }

    /// <summary>A connection has ended.</summary>
    public void Forget(ClientPeer peer)
    {
        Hold.Forget(peer);
        _clients.Forget(peer);
    }

    public void Dispose()
    {
        Hold.Dispose();
        Store.Dispose();
        _folderLock?.Dispose();
    }

    private void LoadTopics(string name, BrokerState state)
    {
        foreach (var topic in ReservedTopics.Initial(_options, name, _levels.Max).Concat(state.Topics))
        {
            Topics.Load(topic);
        }
    }

    private void LoadGroups(BrokerState state)
    {
        foreach (var group in state.Groups)
        {
            Groups.Load(group);
        }

        foreach (var offset in state.Offsets)
        {
            Offsets.Commit(new(offset.Group, offset.Topic, offset.QueueId), offset.Offset);
        }
    }

    private MessageStore OpenStore(string? folder, BrokerState state)
    {
        if (folder is null)
        {
            return new(RecoveredStore.Empty, null, _options.MaxStoreBytes, _options.TimeProvider);
        }

        var files = new StoreFolder(folder);
        var recovered = StoreRecovery.Recover(
            files,
            StoreRecovery.SegmentSizeFor(_options.MaxStoreBytes),
            Topics.All.ToDictionary(topic => topic.Name, topic => topic.BornAt, StringComparer.Ordinal),
            state.QueueEnds.ToDictionary(end => new TopicQueue(end.Topic, end.QueueId), end => end.End),
            _logger);
        return new(recovered, files, _options.MaxStoreBytes, _options.TimeProvider);
    }

    private void SaveOffsets()
    {
        // A crash delivers again what was delivered behind the saved place.
        if (Offsets.Changes != Interlocked.Read(ref _savedChanges) || DelayProgress != Interlocked.Read(ref _savedDelayProgress))
        {
            Save();
        }
    }

    private void Save() => _stateFile?.Save(() =>
    {
        Interlocked.Exchange(ref _savedChanges, Offsets.Changes);
        Interlocked.Exchange(ref _savedDelayProgress, DelayProgress);
        return new BrokerState
        {
            Topics = [.. Topics.All],
            Groups = [.. Groups.All],
            Offsets = [.. Offsets.All.Select(pair => new SavedOffset(pair.Key.Group, pair.Key.Topic, pair.Key.QueueId, pair.Value))],
            Delivered = _delays?.Delivered ?? _delivered,
            QueueEnds = [.. Store.QueueEnds().Select(pair => new SavedQueueEnd(pair.Key.Topic, pair.Key.QueueId, pair.Value))],
        };
    });
}

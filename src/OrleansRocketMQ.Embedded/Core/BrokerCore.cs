using System.Net;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Embedded.Admin;
using OrleansRocketMQ.Embedded.Assignments;
using OrleansRocketMQ.Embedded.Consumers;
using OrleansRocketMQ.Embedded.Delays;
using OrleansRocketMQ.Embedded.Intake;
using OrleansRocketMQ.Embedded.Locks;
using OrleansRocketMQ.Embedded.Offsets;
using OrleansRocketMQ.Embedded.Pops;
using OrleansRocketMQ.Embedded.Pulls;
using OrleansRocketMQ.Embedded.Queries;
using OrleansRocketMQ.Embedded.Sends;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Settings;
using OrleansRocketMQ.Embedded.State;
using OrleansRocketMQ.Embedded.StaticTopics;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Embedded.Transactions;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Core;

/// <summary>Puts a broker's parts together, keeps its state, and runs what happens by the clock. Mirrors <c>BrokerController</c>.</summary>
internal sealed partial class BrokerCore : IDisposable
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
    private readonly PopBook _popBook = new();
    private readonly RequestModeTable _requestModes = new();
    private IReadOnlyDictionary<int, long> _delivered;
    private DelayScheduler? _delays;
    private TimerScheduler? _timers;
    private long _timersDelivered;
    private long _savedChanges;
    private long _savedDelayProgress;
    private long _savedPopChanges;
    private bool _saveFailed;

    /// <param name="name">The broker's name.</param>
    /// <param name="options">How it behaves.</param>
    /// <param name="storeHost">The address that messages are stored at.</param>
    /// <param name="table">Gets who answers which request.</param>
    /// <param name="others">What it knows of the other brokers.</param>
    /// <param name="logger">Gets the log.</param>
    public BrokerCore(
        string name,
        EmbeddedRocketMQOptions options,
        Func<IPEndPoint> storeHost,
        RequestTable table,
        OtherBrokers others,
        ILogger logger)
    {
        _options = options;
        _logger = logger;
        _levels = DelayLevels.Parse(options.MessageDelayLevels);
        var folder = options.DataFolder is null ? null : Path.Combine(options.DataFolder, name);
        if (folder is not null)
        {
            Directory.CreateDirectory(folder);
            _folderLock = FolderLock.Take(folder);
            _stateFile = new(Path.Combine(folder, "state.json"), options.Disk, logger);
        }

        Topics = new(options.AutoCreateTopics, options.EnableLmq, () => Store?.MaxLogOffset ?? 0);
        Groups = new(options.AutoCreateGroups);
        try
        {
            // Without any state, every topic that has messages counts.
            var state = _stateFile?.Load() ?? new() { LogEnd = 0 };
            LoadTopics(name, state);
            LoadGroups(state);
            Store = OpenStore(folder, state);
            TakeBackWhatWasCut(state);
            _timersDelivered = state.TimersDelivered;
            _delivered = state.Delivered.ToDictionary(
                level => level.Key, level => Math.Min(level.Value, Store.MaxOffset(new(SystemTopics.Schedule, level.Key - 1))));
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
        _intake = new(Store, _levels, options.TimerWheelEnable, options.EnableLmq, options.MaxMessageSize, storeHost);
        _halfMessages = new(_intake, Store);
        _clients = new(Consumers, _producers, Groups, Topics, options, logger);
        _transactions = new(_halfMessages, _intake, _producers, options, logger);
        TopicAdmin = new(Topics, Store, Offsets, _popBook, Mappings);
        Pops = new(name, Store, _intake, Topics, Groups, Offsets, _popBook, options, logger);

        AddProcessors(table, name, others);
        SaveOnChanges();
    }

    public MessageStore Store { get; }

    public TopicTable Topics { get; }

    public GroupTable Groups { get; }

    public MappingTable Mappings { get; } = new();

    public TopicProcessor TopicAdmin { get; }

    public OffsetTable Offsets { get; } = new();

    public ConsumerTable Consumers { get; }

    public QueueLockTable Locks { get; }

    public PullHold Hold { get; }

    public PopService Pops { get; }

    private long TimersDelivered => _timers?.Delivered ?? _timersDelivered;

    /// <summary>Says who answers which request.</summary>
    private void AddProcessors(RequestTable table, string name, OtherBrokers others)
    {
        _clients.AddTo(table);
        TopicAdmin.AddTo(table);
        new TopicViewProcessor(Topics, Mappings, Store, name).AddTo(table);
        new StaticTopicProcessor(TopicAdmin, Mappings).AddTo(table);
        new OffsetProcessor(Offsets, Store, Topics, Groups).AddTo(table);
        new LockProcessor(Locks).AddTo(table);
        new PullProcessor(BrokerData.MasterId, static () => false, Store, Hold, Consumers, Topics, Groups, Offsets, _options).AddTo(table);
        Pops.AddTo(table);
        new AssignmentProcessor(_requestModes, Consumers, Topics, Groups, others.QueuesOf).AddTo(table);
        new SendProcessor(_intake, _halfMessages, Topics, Groups, Locks, name, _options, _logger).AddTo(table);
        new RecallProcessor(name, _intake, Store, Topics, _options.RecallMessageEnable).AddTo(table);
        new SendBackProcessor(_intake, Topics, Groups).AddTo(table);
        new EndTransactionProcessor(_halfMessages, _intake).AddTo(table);
        new GroupProcessor(Groups, Consumers, Offsets, Topics, Store, name, _options.PushOffsetResets).AddTo(table);
        new ViewProcessor(Store).AddTo(table);
        new QueryProcessor(Store).AddTo(table);
        new RelayProcessor(Consumers, Store, name).AddTo(table);

        // Last: it stands before the others.
        new LogicalRequests(Mappings, others.Forward).AddTo(table);
    }

    private long DelayProgress => (_delays?.Delivered ?? _delivered).Values.Sum() + TimersDelivered;

    public void Start()
    {
        _delays = new(Store, _intake, _levels, _delivered, _options.TimeProvider, _logger);
        _timers = new(Store, _intake, _timersDelivered, _options.TimeProvider, _logger);
        _rounds.Every(PullHold.SweepPeriod, Hold.Sweep);
        _rounds.Every(PopService.SweepPeriod, Pops.Sweep);
        _rounds.Every(SilenceCheckPeriod, _clients.CloseSilent);
        _rounds.Every(_options.TransactionCheckInterval, _transactions.Check);
        _rounds.Every(SavePeriod, SaveOffsets);
    }

    public int DelayedFor(string topic) => DelayScheduler.Waiting(Store, _delays?.Delivered ?? _delivered, topic)
        + TimerScheduler.Waiting(Store, TimersDelivered).Count(message => message.Topic == topic);

    /// <summary>It is another process now: it knows none of its clients, and of offsets what had been replicated.</summary>
    public void BecomeAnother(OffsetTable replicated)
    {
        ForgetClients();
        Offsets.ReplaceBy(replicated);
    }

    /// <summary>Ends what belongs to a running broker; what it knows of its clients goes with them.</summary>
    public void Stop()
    {
        _rounds.Stop();
        _delivered = _delays?.Delivered ?? _delivered;
        _delays?.Dispose();
        _delays = null;
        _timersDelivered = TimersDelivered;
        _timers?.Dispose();
        _timers = null;
        ForgetClients();
        TrySave();
    }

    private void ForgetClients()
    {
        Hold.DropAll();
        Pops.DropHeld();
        Consumers.Clear();
        _producers.Clear();
        Locks.Clear();
    }

    /// <summary>A connection has ended.</summary>
    public void Forget(ClientPeer peer)
    {
        Hold.Forget(peer);
        Pops.Forget(peer);
        _clients.Forget(peer);
    }

    public void Dispose()
    {
        Hold.Dispose();
        Pops.Dispose();
        Store.Dispose();
        _folderLock?.Dispose();
    }

    private void LoadTopics(string name, BrokerState state)
    {
        foreach (var topic in ReservedTopics.Initial(_options, name, _levels.Max).Concat(state.Topics))
        {
            Topics.Load(topic);
        }

        foreach (var mapping in state.Mappings)
        {
            Mappings.Load(mapping);
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

        _popBook.Load(state);
        _requestModes.Load(state);
    }

    private MessageStore OpenStore(string? folder, BrokerState state)
    {
        if (folder is null)
        {
            return new(RecoveredStore.Empty, null, _options.MaxStoreBytes, _options.TimeProvider, _logger);
        }

        var files = new StoreFolder(folder, _options.Disk);
        var unknownFrom = state.LogEnd ?? long.MaxValue;
        var recovered = StoreRecovery.Recover(
            files,
            StoreRecovery.SegmentSizeFor(_options.MaxStoreBytes),
            Topics.All.ToDictionary(topic => topic.Name, topic => topic.BornAt, StringComparer.Ordinal),
            unknownFrom,
            state.QueueEnds.ToDictionary(end => new TopicQueue(end.Topic, end.QueueId), end => end.End),
            _logger);
        foreach (var (topic, queues) in recovered.Revived)
        {
            Log.TopicRevived(_logger, topic, queues);
            Topics.Load(new(topic, queues, queues) { BornAt = unknownFrom });
        }

        // Where the log lost its end, what comes now lies before the place at which the topic came to be.
        var end = recovered.Segments is [.., var last] ? last.EndOffset : 0;
        foreach (var topic in Topics.All.Where(topic => topic.BornAt > end))
        {
            Topics.Load(topic with { BornAt = end });
        }

        return new(
            recovered,
            files,
            _options.MaxStoreBytes,
            _options.TimeProvider,
            _logger,
            flushes: _options.FlushDiskType == Embedded.FlushDiskType.Sync);
    }

    // Where a queue ends before it did, its next messages get offsets that were given before. Whoever had consumed the
    // lost ones must not pass over these.
    private void TakeBackWhatWasCut(BrokerState state)
    {
        var ends = state.QueueEnds.ToDictionary(end => new TopicQueue(end.Topic, end.QueueId), end => end.End);
        foreach (var (queue, offset) in Offsets.All)
        {
            var stored = new TopicQueue(queue.Topic, queue.QueueId);
            var max = Store.MaxOffset(stored);
            if (offset > max && ends.GetValueOrDefault(stored) > max)
            {
                Offsets.Commit(queue, max);
            }
        }
    }

    // A topic or group must not be forgotten once somebody has relied on it; offsets may lag, as in RocketMQ.
    private void SaveOnChanges()
    {
        Topics.Changed += Save;
        Groups.Changed += Save;
        Mappings.Changed += Save;
        _requestModes.Changed += Save;
        TrySave();
    }

    private void SaveOffsets()
    {
        // A crash delivers again what was delivered behind the saved place.
        if (Volatile.Read(ref _saveFailed)
            || Offsets.Changes != Interlocked.Read(ref _savedChanges)
            || _popBook.Changes != Interlocked.Read(ref _savedPopChanges)
            || DelayProgress != Interlocked.Read(ref _savedDelayProgress))
        {
            Save();
        }
    }

    // Where nobody is there to be refused: the next round tries again.
    private void TrySave()
    {
        try
        {
            Save();
        }
        catch (IOException exception)
        {
            Log.NotSaved(_logger, exception);
        }
    }

    private void Save()
    {
        if (_stateFile is null)
        {
            return;
        }

        // Until it is known to have worked, it has not.
        Volatile.Write(ref _saveFailed, true);
        var (changes, pops, progress) = (0L, 0L, 0L);
        _stateFile.Save(() =>
        {
            (changes, pops, progress) = (Offsets.Changes, _popBook.Changes, DelayProgress);
            return Gather();
        });
        Interlocked.Exchange(ref _savedChanges, changes);
        Interlocked.Exchange(ref _savedPopChanges, pops);
        Interlocked.Exchange(ref _savedDelayProgress, progress);
        Volatile.Write(ref _saveFailed, false);
    }

    private BrokerState Gather()
    {
        // First: a topic that comes to be while the others are gathered has its messages behind this place.
        var logEnd = Store.MaxLogOffset;

        // Before what is popped: an offset behind messages that nobody has noted as in work would lose them.
        SavedOffset[] offsets =
            [.. Offsets.All.Select(pair => new SavedOffset(pair.Key.Group, pair.Key.Topic, pair.Key.QueueId, pair.Value))];
        var popped = _popBook.Save();
        return new BrokerState
        {
            LogEnd = logEnd,
            Topics = [.. Topics.All],
            Groups = [.. Groups.All],
            Mappings = [.. Mappings.All],
            Offsets = offsets,
            Checkpoints = popped.Checkpoints,
            OrderedPops = popped.OrderedPops,
            RequestModes = _requestModes.Save(),
            Delivered = _delays?.Delivered ?? _delivered,
            TimersDelivered = TimersDelivered,
            QueueEnds = [.. Store.QueueEnds().Select(pair => new SavedQueueEnd(pair.Key.Topic, pair.Key.QueueId, pair.Value))],
        };
    }

    private static partial class Log
    {
        [LoggerMessage(161, LogLevel.Error, "The broker's state could not be saved; it will be tried again")]
        public static partial void NotSaved(ILogger logger, Exception exception);

        [LoggerMessage(162, LogLevel.Warning, "Topic {Topic} has messages but no settings; it comes back with {Queues} queues")]
        public static partial void TopicRevived(ILogger logger, string topic, int queues);
    }
}

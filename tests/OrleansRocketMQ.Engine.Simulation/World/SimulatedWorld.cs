using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch.Orderly;
using OrleansRocketMQ.Engine.Simulation.Checking;
using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Simulation.World;

/// <summary>
/// All that a run has around its owners: two brokers with their queues, the way to them, and the faults of the run while they last.
/// </summary>
internal sealed partial class SimulatedWorld
{
    /// <summary>How long a broker keeps a pull waiting.</summary>
    public static readonly TimeSpan Suspend = TimeSpan.FromSeconds(2);

    /// <summary>How long an answer is waited for.</summary>
    public static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(1);

    /// <summary>How long the broker keeps a lock that is not renewed.</summary>
    public static readonly TimeSpan BrokerLock = TimeSpan.FromSeconds(6);

    public const int MaxAttempts = 3;

    public const string Group = "group";

    public const string Topic = "topic";

    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    private readonly SeededRandom _random;
    private readonly List<Fault> _begun = [];
    private readonly Dictionary<MessageQueue, SimulatedQueue> _byId;
    private readonly Fault[][] _faults;
    private int _origins;
    private CancellationTokenSource _connections = new();

    public SimulatedWorld(Setup setup, SimulatedScheduler scheduler, Coverage coverage)
    {
        Setup = setup;
        Scheduler = scheduler;
        Coverage = coverage;
        _random = SeededRandom.Of(setup.Seed, "world");
        var ids = Enumerable.Range(0, Setup.Queues).Select(index => new MessageQueue(Topic, BrokerOf(index), index))
            .Append(new MessageQueue(SystemTopics.Retry(Group), BrokerOf(Setup.Queues), 0))
            .Concat(CopiesOf(setup));
        Queues = [.. ids.Select((id, index) => new SimulatedQueue(index, index == Setup.Queues ? "retry" : $"queue {index}", id))];
        _byId = Queues.ToDictionary(queue => queue.Id);
        _faults = ByKind(setup.Faults);
        Triggers = new Triggers(Queues.Count);
        Checkpoints = new SimulatedRecords<CheckpointRecord>(this, "checkpoints", setup.HasLocalCheckpoints);
        FailureCounts = new SimulatedRecords<FailureList>(this, "failure counts", isLocal: false);
        IsPaused = new bool[Queues.Count];
        Ledgers = [.. Queues.Select(queue => new QueueLedger(queue, this))];
        Arrivals = [.. Queues.Select(queue => new ArrivalBook(queue, Ledgers[queue.Index].Fail))];
    }

    public Setup Setup { get; }

    public SimulatedScheduler Scheduler { get; }

    public SimulatedTime Time => Scheduler.Time;

    public Coverage Coverage { get; }

    public IReadOnlyList<SimulatedQueue> Queues { get; }

    public IReadOnlyList<QueueLedger> Ledgers { get; }

    public IReadOnlyList<ArrivalBook> Arrivals { get; }

    /// <summary>Faults that wait for a state.</summary>
    public Triggers Triggers { get; }

    /// <summary>Where members write down what they have done beyond their commits.</summary>
    public SimulatedRecords<CheckpointRecord> Checkpoints { get; }

    /// <summary>Where members keep how often messages have failed.</summary>
    public SimulatedRecords<FailureList> FailureCounts { get; }

    /// <summary>Who has which queue.</summary>
    public QueueOwners Owners { get; } = new();

    /// <summary>Who is a member.</summary>
    public SimulatedCluster Cluster => field ??= new SimulatedCluster(this);

    /// <summary>Whether everything is well again, and stays so.</summary>
    public bool IsHealed { get; set; }

    /// <summary>The tag that is wanted; null for all.</summary>
    public int? WantedTag { get; set; }

    /// <summary>Whether an operator has paused a queue.</summary>
    public bool[] IsPaused { get; }

    public int DeadLetters { get; private set; }

    /// <summary>Fires when the connections of now are cut.</summary>
    public CancellationToken Connected => _connections.Token;

    /// <summary>What has struck last.</summary>
    public Trouble Trouble { get; } = new();

    /// <summary>Which broker has a queue.</summary>
    public static string BrokerOf(int queue) => queue % (Setup.Queues + 1) < 2 ? "broker a" : "broker b";

    public static string TagOf(int tag) => tag == 0 ? "A" : "B";

    /// <summary>The queues a message goes to that is sent to one; where every member gets it, each member has one of its own.</summary>
    public IEnumerable<SimulatedQueue> CopiesOf(int queue)
        => Queues.Where(copy => copy.Index == queue || (copy.Index > Setup.Queues && (copy.Index - Setup.Queues - 1) % Setup.Queues == queue));

    /// <summary>Where a queue belongs at first, and always where every member has its own.</summary>
    public int HomeOf(int queue)
        => !Setup.Broadcasts ? queue % Setup.Members : queue <= Setup.Queues ? 0 : 1 + ((queue - Setup.Queues - 1) / Setup.Queues);

    public SimulatedQueue Find(MessageQueue queue) => _byId[queue];

    /// <summary>Where a message lies that was pulled.</summary>
    public (SimulatedQueue Queue, SimulatedMessage Message) Find(MessageExt message)
    {
        var (index, offset) = Records.PlaceOf(message);
        return (Queues[index], Queues[index].Messages[Queues[index].PlaceOf(offset)]);
    }

    /// <summary>Whether a fault lasts now, and strikes.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="target">The queue, or the owner.</param>
    /// <param name="percent">How often it strikes.</param>
    public bool Strikes(FaultKind kind, int target, int percent = 70)
    {
        if (!IsActive(kind, target) || !_random.Chance(percent))
        {
            return false;
        }

        Struck(kind, target);
        return true;
    }

    /// <summary>A fault that has waited for a state begins now.</summary>
    public void Begin(Fault fault) => _begun.Add(fault);

    /// <summary>A fault has had an effect.</summary>
    public void Struck(FaultKind kind, int target)
    {
        Trouble.Note(kind, target, Time.Now);
        Coverage.Struck(kind);
        Scheduler.Note(kind.ToString(), "fault", target);
    }

    /// <summary>Cuts all connections: whoever waits for an answer gets none.</summary>
    public void Cut()
    {
        var cut = _connections;
        _connections = new CancellationTokenSource();
        cut.Cancel();
    }

    /// <summary>Reads the group's offset; null when there is none.</summary>
    public async Task<long?> ReadOffsetAsync(Owner owner, SimulatedQueue queue, Action looked, CancellationToken cancellationToken)
    {
        await SendAsync(owner, queue, cancellationToken);
        if (Strikes(FaultKind.StoreUnreadable, queue.Index))
        {
            await LoseAsync(FaultKind.StoreUnreadable, CallTimeout, cancellationToken);
        }

        if (Strikes(FaultKind.StoreSlow, queue.Index))
        {
            await Time.Delay(_random.Between(TimeSpan.Zero, CallTimeout), cancellationToken);
        }

        var stored = queue.Stored;
        looked();
        await ReceiveAsync(owner, cancellationToken);
        return stored;
    }

    /// <summary>Stores the group's offset.</summary>
    public async Task WriteOffsetAsync(Owner owner, SimulatedQueue queue, long offset, WindowRecord? window, bool isMove)
    {
        var told = new OffsetTold(window, IsPull: false, isMove);
        var moves = Ledgers[queue.Index].Moves;
        await SendAsync(owner, queue, CancellationToken.None);
        if (Strikes(FaultKind.StoreRefused, queue.Index))
        {
            throw new CallFailedException(FaultKind.StoreRefused);
        }

        if (Strikes(FaultKind.StoreWriteLost, queue.Index))
        {
            await LoseAsync(FaultKind.StoreWriteLost, CallTimeout, CancellationToken.None);
        }

        // A storage of records refuses what comes after something newer.
        if (!Setup.Broadcasts && Strikes(FaultKind.StoreWriteLate, queue.Index))
        {
            _ = Scheduler.Start("late write", async () =>
            {
                await Time.Delay(CallTimeout + _random.Between(TimeSpan.Zero, CallTimeout * 2));
                Apply(queue, offset, told, moves);
            });
            await LoseAsync(FaultKind.StoreWriteLate, CallTimeout, CancellationToken.None);
        }

        if (Strikes(FaultKind.StoreSlow, queue.Index))
        {
            await Time.Delay(_random.Between(TimeSpan.Zero, CallTimeout));
        }

        if (Setup.Broadcasts && owner.CountsAsDead)
        {
            throw new CallFailedException(FaultKind.StoreRefused);
        }

        Apply(queue, offset, told, moves);
        if (Strikes(FaultKind.StoreAnswerLost, queue.Index))
        {
            await LoseAsync(FaultKind.StoreAnswerLost, CallTimeout, CancellationToken.None);
        }

        await ReceiveAsync(owner, CancellationToken.None);
    }

    /// <summary>Asks the broker something about a queue.</summary>
    public async Task<T> AskAsync<T>(Owner owner, SimulatedQueue queue, Func<SimulatedQueue, T> ask, CancellationToken cancellationToken)
    {
        await SendAsync(owner, queue, cancellationToken);
        var answer = ask(queue);
        await ReceiveAsync(owner, cancellationToken);
        return answer;
    }

    /// <summary>Takes or renews queue locks.</summary>
    /// <returns>Those that are the owner's now.</returns>
    public async Task<IReadOnlyList<MessageQueue>> LockAsync(Owner owner, MessageQueue[] wanted)
    {
        SimulatedQueue[] queues = [.. wanted.Select(Find).OrderBy(queue => queue.Index)];
        await SendAsync(owner, queues[0], CancellationToken.None);
        if (Array.Exists(queues, queue => Strikes(FaultKind.LockLost, queue.Index, 45)))
        {
            await LoseAsync(FaultKind.LockLost, CallTimeout, CancellationToken.None);
        }

        MessageQueue[] granted = [.. queues.Where(queue => queue.Lock(owner.Name, Time.Now, BrokerLock)).Select(queue => queue.Id)];
        if (Array.Exists(queues, queue => Strikes(FaultKind.LockLost, queue.Index, 45)))
        {
            await LoseAsync(FaultKind.LockLost, CallTimeout, CancellationToken.None);
        }

        await ReceiveAsync(owner, CancellationToken.None);
        return granted;
    }

    /// <summary>Gives locks back, perhaps in the name of a member that is dead.</summary>
    public async Task UnlockAsync(Owner owner, string holder, MessageQueue[] given)
    {
        await SendAsync(owner, Find(given[0]), CancellationToken.None);
        foreach (var queue in given)
        {
            Find(queue).Unlock(holder);
        }
    }

    /// <summary>A message comes into a queue.</summary>
    public void Send(SimulatedQueue queue, int gap, Func<int, long, SimulatedMessage> make)
    {
        var message = queue.Add(gap, offset => make(_origins, offset));
        _origins++;
        Ledgers[queue.Index].Sent(message);
        Scheduler.Note("sent", queue.Name, message.Offset);

        // Last: an answer may be there within the same step, and the checker must know of the message before.
        queue.Wake();
    }

    // Other members see the same queues; here they are queues of their own, as each has offsets of its own.
    private static IEnumerable<MessageQueue> CopiesOf(Setup setup) => setup.Broadcasts
        ? Enumerable.Range(Setup.Queues + 1, Setup.Queues * (Setup.Members - 1)).Select(index => new MessageQueue(Topic, BrokerOf(index), index))
        : [];

    private void Apply(SimulatedQueue queue, long offset, OffsetTold told, int moves)
    {
        var ledger = Ledgers[queue.Index];

        // A move renews the connection, so that what was sent before it cannot come after it. Real brokers give no such promise.
        if (ledger.Moves != moves)
        {
            return;
        }

        Arrivals[queue.Index].Arrives(offset, told);
        queue.Store(offset, told.IsMove || ledger.IsMovedSinceStored);
        ledger.Stored(offset, told.IsMove, told.Window?.Loop);
        Scheduler.Note(told.IsMove ? "store has move" : "store has", queue.Name, offset);
    }

    /// <summary>A request goes to a queue's broker, and may not come there.</summary>
    public async Task SendAsync(Owner owner, SimulatedQueue queue, CancellationToken cancellationToken)
    {
        owner.ThrowIfDead();
        await Time.Delay(_random.Between(TimeSpan.FromTicks(500), TimeSpan.FromMilliseconds(4)), cancellationToken);
        if (Strikes(FaultKind.BrokerAway, queue.Index, 100))
        {
            await LoseAsync(FaultKind.BrokerAway, TimeSpan.FromMilliseconds(200), cancellationToken);
        }

        if (IsSilent(queue.Id.BrokerName))
        {
            Struck(FaultKind.BrokerSilent, queue.Index);
            await LoseAsync(FaultKind.BrokerSilent, CallTimeout, cancellationToken);
        }
    }

    /// <summary>An answer comes back.</summary>
    public async Task ReceiveAsync(Owner owner, CancellationToken cancellationToken)
    {
        await Time.Delay(_random.Between(TimeSpan.FromTicks(500), TimeSpan.FromMilliseconds(4)), cancellationToken);
        owner.ThrowIfDead();
    }

    /// <summary>Nothing comes back, and whoever waits gives up.</summary>
    public async Task LoseAsync(FaultKind reason, TimeSpan timeout, CancellationToken cancellationToken)
    {
        await Time.Delay(timeout, cancellationToken);
        throw new CallFailedException(reason);
    }
}

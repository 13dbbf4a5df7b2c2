using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Simulation.Pops;
using OrleansRocketMQ.Engine.Simulation.World;
using OrleansRocketMQ.Engine.Tests.Queue;

namespace OrleansRocketMQ.Engine.Simulation.Checking;

/// <summary>What a listener may say of a single message.</summary>
internal enum ListenerWord
{
    /// <summary>It is to be a dead letter.</summary>
    Rejected,

    /// <summary>It is to come again after a time.</summary>
    Postponed,
}

/// <summary>What runs have reached: cells of the table of a queue's states, kinds of faults, causes of duplicates.</summary>
internal sealed class Coverage
{
    private readonly Dictionary<(string State, QueueEventKind Event), long> _cells = [];
    private readonly Dictionary<FaultKind, long> _faults = [];
    private readonly Dictionary<string, long> _duplicates = new(StringComparer.Ordinal);
    private readonly Dictionary<(Mode Mode, ListenerWord Word), long> _words = [];

    public IReadOnlyDictionary<(string State, QueueEventKind Event), long> Cells => _cells;

    public IReadOnlyDictionary<FaultKind, long> Faults => _faults;

    public IReadOnlyDictionary<string, long> Duplicates => _duplicates;

    /// <summary>What listeners have said of single messages.</summary>
    public IReadOnlyDictionary<(Mode Mode, ListenerWord Word), long> Words => _words;

    public long Messages { get; set; }

    public long Steps { get; set; }

    public long VirtualTicks { get; set; }

    public long Runs { get; set; }

    /// <summary>What runs have reached in which messages are popped.</summary>
    public PopCoverage Pops { get; } = new();

    /// <summary>Messages that did not come again because a record of before a reset hid them that its storage had not let go of.</summary>
    public long Hidden { get; set; }

    /// <summary>The column of the table a state belongs to.</summary>
    public static string Column(QueueState state) => state.Phase switch
    {
        QueuePhase.AwaitingLock => "lock",
        QueuePhase.Positioning => "find",
        QueuePhase.Running => "run",
        QueuePhase.Paused => "paus",
        QueuePhase.Fenced => "fenc",
        QueuePhase.Verifying => "veri",
        QueuePhase.BackingOff => "back",
        QueuePhase.Halted => "halt",
        QueuePhase.Stopping => state.Move is { Reason: MoveReason.Reset, IsStored: false } ? "sR" : "stop",
        QueuePhase.Stopped => "end",
        _ => state.Move!.Reason switch { MoveReason.Seek => "S", MoveReason.Reset => "R", _ => "V" } + (int)state.Move.Step,
    };

    public void Reached(QueueState state, QueueEventKind happened) => Count(_cells, (Column(state), happened));

    public void Struck(FaultKind kind) => Count(_faults, kind);

    public void Duplicate(string cause) => Count(_duplicates, cause);

    public void Said(Mode mode, ListenerWord word) => Count(_words, (mode, word));

    public void Add(Coverage other)
    {
        foreach (var (cell, count) in other._cells)
        {
            Count(_cells, cell, count);
        }

        foreach (var (kind, count) in other._faults)
        {
            Count(_faults, kind, count);
        }

        foreach (var (cause, count) in other._duplicates)
        {
            Count(_duplicates, cause, count);
        }

        Pops.Add(other.Pops);
        Messages += other.Messages;
        Steps += other.Steps;
        VirtualTicks += other.VirtualTicks;
        Runs += other.Runs;
        Hidden += other.Hidden;
        foreach (var (said, count) in other._words)
        {
            Count(_words, said, count);
        }
    }

    /// <summary>Cells of the table that can occur and were not reached.</summary>
    public IEnumerable<(string State, QueueEventKind Event)> Missing() => Select(Occurrence.Occurs, reached: false);

    /// <summary>Cells of the table that cannot occur and were reached.</summary>
    public IEnumerable<(string State, QueueEventKind Event)> Impossible() => Select(Occurrence.Never, reached: true);

    /// <summary>
    /// What many runs together should have reached and have not: each cell that can occur, and no other; each kind of fault
    /// and each word of a listener often enough.
    /// </summary>
    /// <param name="leastOfEach">How often each kind of fault must have struck, and each word been said.</param>
    public IReadOnlyList<string> Shortcomings(long leastOfEach) =>
    [
        .. Missing().Select(cell => $"{cell.Event} never met a queue that is {cell.State}"),
        .. Impossible().Select(cell => $"{cell.Event} met a queue that is {cell.State}, which cannot be"),
        .. Enum.GetValues<FaultKind>().Where(kind => kind <= FaultKind.ResetWhileDown && _faults.GetValueOrDefault(kind) < leastOfEach)
            .Select(kind => $"{kind} struck {_faults.GetValueOrDefault(kind)} times"),
        .. AllWords.Where(said => _words.GetValueOrDefault(said) < leastOfEach)
            .Select(said => $"{said.Mode} listeners said {said.Word} {_words.GetValueOrDefault(said)} times"),
    ];

    private static IEnumerable<(Mode Mode, ListenerWord Word)> AllWords
        => Enum.GetValues<Mode>().Where(static mode => mode != Mode.Popped)
            .SelectMany(static _ => Enum.GetValues<ListenerWord>(), static (mode, word) => (mode, word));

    private IEnumerable<(string State, QueueEventKind Event)> Select(Occurrence occurrence, bool reached)
        => QueueStateTable.Cells.Select(cell => (cell.State, cell.Event))
            .Where(cell => OccurringCells.Of(cell.State, cell.Event) == occurrence && _cells.ContainsKey(cell) == reached);

    private static void Count<TKey>(Dictionary<TKey, long> counts, TKey key, long more = 1)
        where TKey : notnull => counts[key] = counts.GetValueOrDefault(key) + more;
}

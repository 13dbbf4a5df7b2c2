using OrleansRocketMQ.Engine.Pop;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Simulation.Checking;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Pops;

/// <summary>What runs have reached in which messages are popped.</summary>
internal sealed class PopCoverage
{
    private readonly Dictionary<(PopPhase State, QueueEventKind Event), long> _cells = [];
    private readonly Dictionary<FaultKind, long> _faults = [];
    private readonly Dictionary<string, long> _duplicates = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<(PopPhase State, QueueEventKind Event), long> Cells => _cells;

    public IReadOnlyDictionary<FaultKind, long> Faults => _faults;

    public IReadOnlyDictionary<string, long> Duplicates => _duplicates;

    public long Runs { get; set; }

    public long DeadLetters { get; set; }

    /// <summary>Messages that were done when others could have them already.</summary>
    public long Late { get; set; }

    /// <summary>Times in which a queue was popped by several members at once.</summary>
    public long Shared { get; set; }

    public void Reached(PopPhase state, QueueEventKind happened) => Count(_cells, (state, happened), 1);

    public void Duplicate(string cause) => Count(_duplicates, cause, 1);

    public void Struck(FaultKind kind, long times) => Count(_faults, kind, times);

    public void Add(PopCoverage other)
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

        Runs += other.Runs;
        DeadLetters += other.DeadLetters;
        Late += other.Late;
        Shared += other.Shared;
    }

    /// <summary>What many runs together should have reached and have not, and what they should not have reached.</summary>
    /// <param name="leastOfEachFault">How often each kind of fault must have struck.</param>
    public IReadOnlyList<string> Shortcomings(long leastOfEachFault) =>
    [
        .. PopCells.All.Where(cell => cell.Value == Occurrence.Occurs && !_cells.ContainsKey(cell.Key))
            .Select(cell => $"{cell.Key.Event} never met a queue that is popped and {cell.Key.State}"),
        .. PopCells.All.Where(cell => cell.Value == Occurrence.Never && _cells.ContainsKey(cell.Key))
            .Select(cell => $"{cell.Key.Event} met a queue that is popped and {cell.Key.State}, which cannot be"),
        .. PopSetup.Kinds.Where(kind => _faults.GetValueOrDefault(kind) < leastOfEachFault)
            .Select(kind => $"{kind} struck {_faults.GetValueOrDefault(kind)} times where messages are popped"),
    ];

    private static void Count<TKey>(Dictionary<TKey, long> counts, TKey key, long more)
        where TKey : notnull => counts[key] = counts.GetValueOrDefault(key) + more;
}

using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Checking;

/// <summary>
/// The checker's book of failures: how often each message has failed, which is what its listener is to be told, and which
/// decides when it is given up. A message tells itself how often it failed before it came to its queue; what is counted there
/// is the engine's. Concurrent groups count nothing there: what fails goes back to the broker.
/// </summary>
/// <remarks>
/// At least what the owner has heard since its window began, in order also what its owner of then has outlived by long enough to
/// store it; at most what has failed at all. Members that stand still, and listeners that hold their thread, make owners count
/// calls that end some other way in the end: nothing more is asked then.
/// </remarks>
internal sealed class AttemptBook(SimulatedWorld world)
{
    public const string CountsRight = "a listener is told how often a message has failed";
    public const string RejectedDies = "what its listener rejects becomes a dead letter";
    public const string ReasonTold = "a dead letter says why its listener has rejected it";

    /// <summary>Why listeners reject messages.</summary>
    public const string Reason = "rejected";
    public const string NotTooSoon = "a message is given up only when it has failed as often as it may";

    // In which a count reaches a storage that does all it is asked at once.
    private static readonly long StoredWithin = TimeSpan.FromMilliseconds(150).Ticks;

    private readonly Dictionary<(int Queue, long Offset), Entry> _entries = [];
    private readonly HashSet<int> _inexact = [];
    private readonly Dictionary<(int Queue, long Offset), Rejection> _rejected = [];

    /// <summary>How many messages were given to a listener that had failed in their queue before.</summary>
    public long Repeated { get; private set; }

    private bool AreKept => world.Setup is { Mode: Mode.Orderly, KeepsFailureCounts: true } && world.Trouble.IsStorageSound;

    /// <summary>A message is given to a listener.</summary>
    /// <param name="queue">Its queue.</param>
    /// <param name="window">The window it is in.</param>
    /// <param name="message">The message as the queue has it.</param>
    /// <param name="own">How often it has failed by what it says itself.</param>
    /// <param name="told">How often it has failed by what the listener is told.</param>
    public void Told(SimulatedQueue queue, WindowRecord window, SimulatedMessage message, int own, int told)
    {
        if (_rejected.Remove((queue.Index, message.Offset), out var rejection)
            && rejection.Window == window && !rejection.MayComeAgain && !IsInexact(queue.Index))
        {
            Fail(RejectedDies, $"{message.Offset} of {queue.Name} comes again, and nobody was asked to take it");
        }

        if (own != message.Attempts)
        {
            Fail(CountsRight, $"{message.Offset} of {queue.Name} says that it has failed {own} times, and not {message.Attempts}");
        }

        _entries.TryGetValue((queue.Index, message.Offset), out var entry);
        var failed = told - message.Attempts;
        Repeated += failed > 0 ? 1 : 0;
        if (IsInexact(queue.Index))
        {
            return;
        }

        var least = entry is null || world.Setup.Mode == Mode.Concurrent ? 0 : Least(queue.Index, window, message, entry);
        if (failed < least || failed > (entry?.Ever ?? 0))
        {
            Fail(CountsRight, $"{window.Loop.Name} tells of {failed} failures of {message.Offset}; it was {least} to {entry?.Ever ?? 0}");
        }
    }

    /// <summary>A listener has said that a message failed.</summary>
    /// <param name="queue">Its queue.</param>
    /// <param name="window">The window it was given out from.</param>
    /// <param name="offset">The message.</param>
    /// <param name="counts">Whether its owner has heard so, and counts it.</param>
    public void Failed(int queue, WindowRecord window, long offset, bool counts)
    {
        if (!_entries.TryGetValue((queue, offset), out var entry))
        {
            _entries[(queue, offset)] = entry = new Entry();
        }

        entry.Ever++;
        if (counts)
        {
            var moves = world.Ledgers[queue].Moves;
            (entry.Heard, entry.Window) = (entry.Window == window ? entry.Heard + 1 : 1, window);
            (entry.Since, entry.Moves) = (entry.Moves == moves ? entry.Since : [], moves);
            entry.Since.Add(world.Time.Now);
        }
    }

    /// <summary>A message is consumed, or given up: should it come once more, its owner may begin to count again.</summary>
    public void Done(int queue, long offset)
    {
        if (_entries.TryGetValue((queue, offset), out var entry))
        {
            entry.Since = [];
        }
    }

    /// <summary>Another member went on with the queue: which messages it has consumed is not known here.</summary>
    public void Forget(int queue)
    {
        foreach (var (place, entry) in _entries)
        {
            entry.Since = place.Queue == queue ? [] : entry.Since;
        }
    }

    /// <summary>An owner of a queue has died: the storage may know nothing of what had failed just before.</summary>
    public void OwnerDied(int queue)
    {
        foreach (var (place, entry) in _entries)
        {
            if (place.Queue == queue)
            {
                entry.Since.RemoveAll(at => at + StoredWithin > world.Time.Now);
            }
        }
    }

    /// <summary>A listener wants a message to be a dead letter.</summary>
    /// <param name="queue">Its queue.</param>
    /// <param name="window">The window it was given out from.</param>
    /// <param name="offset">The message.</param>
    /// <param name="behind">One before it in an ordered batch that it wants to be one, too; null when there is none.</param>
    public void Reject(int queue, WindowRecord window, long offset, long? behind = null)
        => _rejected[(queue, offset)] = new Rejection(
            window, behind is { } before ? _rejected.GetValueOrDefault((queue, before)) : null);

    /// <summary>A broker is asked to take a message.</summary>
    public void Tried(int queue, long offset)
    {
        if (_rejected.TryGetValue((queue, offset), out var rejection))
        {
            rejection.Tries++;
        }
    }

    /// <summary>Whether that was the last word of a message.</summary>
    public bool IsRejected(int queue, long offset) => _rejected.ContainsKey((queue, offset));

    /// <summary>Owners of the queue may count what does not end as it does here.</summary>
    public void Unknown(int queue) => _inexact.Add(queue);

    /// <summary>A message goes to the dead letters.</summary>
    public void GivenUp(int queue, SimulatedMessage message)
    {
        var failed = message.Attempts + (_entries.GetValueOrDefault((queue, message.Offset))?.Ever ?? 0);
        if (!IsRejected(queue, message.Offset) && !IsInexact(queue) && failed <= SimulatedWorld.MaxAttempts)
        {
            Fail(NotTooSoon, $"{message.Offset} of {world.Queues[queue].Name} is given up, and has failed {failed} times");
        }
    }

    /// <summary>The copy of a message that is a dead letter says why it is one. It may do without where one that did was refused.</summary>
    public void Says(int queue, SimulatedMessage message, string? reason)
    {
        var rejection = _rejected.GetValueOrDefault((queue, message.Offset));
        if (rejection is null ? reason == Reason : reason != Reason && (reason is not null || rejection.Tries < 2))
        {
            Fail(ReasonTold, $"{message.Offset} of {world.Queues[queue].Name} is a dead letter since '{reason}'");
        }
    }

    /// <summary>A message is to come again.</summary>
    public void ComesAgain(int queue, SimulatedMessage message)
    {
        if (IsRejected(queue, message.Offset))
        {
            Fail(RejectedDies, $"{message.Offset} of {world.Queues[queue].Name} is to come again");
        }
    }

    /// <summary>A copy of one of these messages is to come again.</summary>
    public void ComesAgain(IEnumerable<(int Queue, SimulatedMessage Message)> failed, int told)
    {
        if (!failed.Any(one => one.Message.Attempts + 1 == told))
        {
            Fail(CountsRight, $"a copy says that it has failed {told} times");
        }
    }

    private bool IsInexact(int queue) => world.Setup.MayStandStill || _inexact.Contains(queue);

    private int Least(int queue, WindowRecord window, SimulatedMessage message, Entry entry)
    {
        var heard = entry.Window == window ? entry.Heard : 0;
        var stored = AreKept && entry.Moves == world.Ledgers[queue].Moves
            ? entry.Since.Count(at => at + StoredWithin <= window.BeganAt)
            : 0;

        // One that the broker does not take is counted no more where keys are in order.
        var most = world.Setup.Mode == Mode.KeyOrdered ? Math.Max(0, SimulatedWorld.MaxAttempts - message.Attempts) : int.MaxValue;
        return Math.Min(most, heard + stored);
    }

    private void Fail(string rule, string detail)
    {
        var failure = new SimulationException(rule, detail);
        world.Scheduler.Fail(failure);
        throw failure;
    }

    /// <summary>The last word of a listener of a message.</summary>
    private sealed class Rejection(WindowRecord window, Rejection? before)
    {
        public WindowRecord Window => window;

        /// <summary>How often somebody was asked to take the message.</summary>
        public int Tries { get; set; }

        /// <summary>In order nobody is asked to take what is behind one that nobody takes.</summary>
        public bool MayComeAgain => Tries > 0 || before is { MayComeAgain: true };
    }

    private sealed class Entry
    {
        /// <summary>How often it has failed at all.</summary>
        public int Ever { get; set; }

        /// <summary>How often it has failed in the window in which it failed last, so that the owner has heard.</summary>
        public int Heard { get; set; }

        public WindowRecord? Window { get; set; }

        /// <summary>When it has failed since it was consumed last, in ticks of the run, so that the owner has heard.</summary>
        public List<long> Since { get; set; } = [];

        /// <summary>How often the queue had been moved then.</summary>
        public int Moves { get; set; }
    }
}

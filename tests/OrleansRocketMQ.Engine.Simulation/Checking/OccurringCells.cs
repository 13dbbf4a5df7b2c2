using OrleansRocketMQ.Engine.Queue;

namespace OrleansRocketMQ.Engine.Simulation.Checking;

/// <summary>Whether an event can meet a queue in a state.</summary>
internal enum Occurrence
{
    /// <summary>It can, and many runs together must have met it.</summary>
    Occurs,

    /// <summary>It can, by a coincidence that no run brings about on purpose.</summary>
    Seldom,

    /// <summary>It cannot. A run that meets it all the same shows that this table, or the engine, is wrong.</summary>
    Never,
}

/// <summary>
/// Which cells of the table of a queue's states can occur at all, written by hand: x occurs, o seldom, . never. It follows
/// from who raises each event, and from what the queue's loop is at meanwhile; behind each row stands why.
/// <para>
/// A column is what comes first of all that a queue is in: <c>lock</c> is any queue without its lock, be it that it is
/// paused, fenced or on its way elsewhere, too. What the loop raises after it has waited for an answer meets whatever state
/// the queue has come to meanwhile; what it raises for one state only meets that one.
/// </para>
/// </summary>
internal static class OccurringCells
{
    private const string Table = """
        event          lock find run paus fenc veri back halt S0 S1 S2 R0 R1 R2 V2 stop sR end | why
        LockGained     x    .    .   .    .    .    .    .    .  .  .  .  .  .  .  x    o  .   | the loop, which waits for the lock; a stop may come between
        LockLost       o    x    x   x    x    x    x    x    x  x  o  x  x  o  o  x    x  x   | the lock's end, at any time; once more when the clock showed it before. Where only its turn is waited for there is little time for it
        Positioned     .    x    .   .    .    .    .    .    .  .  .  .  .  .  .  .    .  .   | the loop, for the state it began to look in
        FenceClosed    x    x    x   x    x    x    x    x    x  x  x  x  x  x  x  x    x  x   | the membership, at any time
        FenceOpened    x    x    x   x    x    x    x    x    x  x  x  x  x  x  x  x    x  x   | the same; told late by one when the loop has seen it itself
        Verified       .    .    .   .    .    x    .    .    .  .  .  .  .  .  .  .    .  .   | the loop, for the state it asked in
        Overtaken      .    .    .   .    .    x    .    .    .  .  .  .  .  .  .  .    .  .   | the same
        Paused         x    x    x   .    x    x    x    x    x  x  x  x  x  x  x  x    x  x   | an operator; whoever raises it looks whether it is news
        Resumed        x    x    .   x    x    x    x    x    x  x  x  x  x  x  x  x    x  x   | the same
        SeekAsked      x    x    x   x    x    x    x    x    x  x  x  x  x  x  x  x    x  x   | an operator, at any time
        SeekWithdrawn  x    x    x   x    x    x    x    x    x  x  x  x  x  x  x  x    x  x   | the same, also in the moment in which it has come true
        BrokerReset    o    o    x   x    x    o    .    .    x  .  .  .  .  .  .  x    .  .   | the loop, after a pull, be it one that looks for a checkpoint's message; the state may be another by then
        StoreBegun     .    .    .   .    .    .    .    .    x  x  .  x  x  .  .  o    x  .   | the loop, when a move may be stored; once more after a failure, and at the end
        OffsetStored   x    o    .   .    x    x    .    .    x  x  .  .  x  .  .  x    x  .   | the loop, after the store has answered; the state may be another by then, also no move at all when a second seek came and was withdrawn
        ListenersDone  o    o    .   .    o    o    .    .    o  .  x  .  .  x  x  o    .  .   | the loop, when nobody tells the store anything; the state may be another by then, if somebody does, which is a look at the store alone
        AttemptFailed  x    x    x   x    x    x    .    .    x  x  .  .  .  .  .  x    o  .   | the loop, after anything that can fail; of a reset only what the fence or the lock keeps from being stored
        FailedTooOften o    x    x   x    x    x    .    .    x  x  .  .  .  .  .  x    o  .   | the same
        RetryDue       .    .    .   .    .    .    x    .    .  .  .  .  .  .  .  .    .  .   | the loop, for the state in which it waits
        Recovered      x    x    x   x    x    x    x    x    x  x  x  x  x  x  x  x    x  x   | an operator, at any time
        Stop           x    x    x   x    x    x    x    x    x  x  x  x  x  x  x  .    .  .   | the owner, once
        Ended          .    .    .   .    .    .    .    .    .  .  .  .  .  .  .  x    x  .   | the stop, as its last
        """;

    private static readonly Dictionary<(string State, QueueEventKind Event), Occurrence> Known = Read();

    /// <summary>All cells.</summary>
    public static IReadOnlyDictionary<(string State, QueueEventKind Event), Occurrence> All => Known;

    /// <summary>The states, in the order of the table.</summary>
    public static IReadOnlyList<string> States { get; } = [.. Words(Table.Split('\n')[0]).Skip(1)];

    public static Occurrence Of(string state, QueueEventKind happened) => Known[(state, happened)];

    private static Dictionary<(string State, QueueEventKind Event), Occurrence> Read()
    {
        var rows = Table.Split('\n').Select(Words).ToArray();
        var cells = new Dictionary<(string State, QueueEventKind Event), Occurrence>();
        foreach (var row in rows.Skip(1))
        {
            for (var column = 1; column < rows[0].Length; column++)
            {
                cells.Add((rows[0][column], Enum.Parse<QueueEventKind>(row[0])), row[column] switch
                {
                    "x" => Occurrence.Occurs,
                    "o" => Occurrence.Seldom,
                    "." => Occurrence.Never,
                    var other => throw new FormatException($"'{other}' in the row of {row[0]}."),
                });
            }
        }

        return cells;
    }

    private static string[] Words(string row) => row.Split('|')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}

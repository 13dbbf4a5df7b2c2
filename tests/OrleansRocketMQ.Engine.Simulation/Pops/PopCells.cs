using OrleansRocketMQ.Engine.Pop;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Simulation.Checking;

namespace OrleansRocketMQ.Engine.Simulation.Pops;

/// <summary>
/// Which event can meet a popped queue in which state, written by hand as the table of pulled queues is: x occurs, o seldom,
/// . never.
/// </summary>
internal static class PopCells
{
    private const string Table = """
        event          Placing Popping Paused Fenced BackingOff Halted Stopping Stopped | why
        Positioned     x       .       o      o      .          .      o        .       | the loop, after an answer; a queue that begins
        FenceClosed    x       x       x      x      x          x      x        .       | the membership, at any time
        FenceOpened    x       x       x      x      x          o      x        .       | the same
        Paused         x       x       .      x      x          o      o        .       | the loop, or whoever pauses
        Resumed        .       .       x      x      o          o      o        .       | the same
        AttemptFailed  x       x       x      x      .          .      x        .       | the loop, after anything that can fail
        FailedTooOften x       x       o      o      .          .      x        .       | the same
        RetryDue       .       .       .      .      x          .      .        .       | the loop, for the state in which it waits
        Recovered      x       x       x      x      x          x      x        .       | an operator, at any time
        Stop           x       x       x      x      x          x      .        .       | the owner, once
        Ended          .       .       .      .      .          .      x        .       | the stop, as its last
        """;

    /// <summary>All cells.</summary>
    public static IReadOnlyDictionary<(PopPhase State, QueueEventKind Event), Occurrence> All { get; } = Read();

    private static Dictionary<(PopPhase State, QueueEventKind Event), Occurrence> Read()
    {
        var rows = Table.Split('\n').Select(Words).ToArray();
        var cells = new Dictionary<(PopPhase State, QueueEventKind Event), Occurrence>();
        foreach (var row in rows.Skip(1))
        {
            for (var column = 1; column < rows[0].Length; column++)
            {
                cells.Add((Enum.Parse<PopPhase>(rows[0][column]), Enum.Parse<QueueEventKind>(row[0])), row[column] switch
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

    private static string[] Words(string row)
        => row.Split('|')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}

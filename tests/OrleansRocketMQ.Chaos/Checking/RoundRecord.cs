using System.Globalization;

namespace OrleansRocketMQ.Chaos.Checking;

/// <summary>A line that a listener has written: a message, and when it was consumed.</summary>
internal sealed record RoundRecord(string Group, string Key, int Number, long At)
{
    /// <summary>All of a file.</summary>
    public static IEnumerable<RoundRecord> Read(string file)
    {
        // Silos may be writing to it, and one that was killed may have left half a line.
        using var reader = new StreamReader(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        foreach (var line in reader.ReadToEnd().Split('\n')[..^1])
        {
            if (line.Split(' ') is [var group, var key, var number, var at])
            {
                // A member that is no silo writes the group as it is called on the wire.
                yield return new(group[(group.LastIndexOf('%') + 1)..], key, int.Parse(number, CultureInfo.InvariantCulture), long.Parse(at, CultureInfo.InvariantCulture));
            }
        }
    }
}

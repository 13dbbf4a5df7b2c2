using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace OrleansRocketMQ.Chaos.Listeners;

/// <summary>
/// A line for each message that was consumed, in the file the environment names: group, key and number, and when, by the machine's
/// clock that only goes forward. What was written outlives the process.
/// </summary>
internal static class Records
{
    public const string Variable = "CHAOS_RECORDS";

    private static readonly Lock s_gate = new();
    private static readonly FileStream s_file = new(
        Environment.GetEnvironmentVariable(Variable) ?? throw new InvalidOperationException($"{Variable} is not set."), FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);

    public static void Add(string group, MessageExt message)
    {
        var note = ChaosNote.Of(message);
        lock (s_gate)
        {
            // Within the lock, so that the lines of one process are in the order of their times.
            s_file.Write(Encoding.UTF8.GetBytes(string.Create(
                CultureInfo.InvariantCulture, $"{group} {note.Key} {note.Number} {Stopwatch.GetTimestamp()}\n")));
        }
    }
}

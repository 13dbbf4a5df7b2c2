using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>The processes that this one has started: they end with it, also when it is told to stop in the middle of a round.</summary>
internal static class Children
{
    private static readonly List<PosixSignalRegistration> s_signals = [];

    public static void EndWithThis()
    {
        foreach (var signal in new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP })
        {
            s_signals.Add(PosixSignalRegistration.Create(signal, _ =>
            {
                // One after the other until there are none: others may be about to be started. Then nothing more of this process.
                while (Ids() is { Count: > 0 } children)
                {
                    Kill(children);
                }

                using var self = Process.GetCurrentProcess();
                self.Kill();
            }));
        }
    }

    /// <summary>Those whose parent is this process and that have not ended, by what Linux tells of it.</summary>
    public static IReadOnlyList<int> Ids() => [.. Directory.EnumerateDirectories("/proc")
        .Select(folder => int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : 0)
        .Where(id => id > 0 && ParentOf(id) == Environment.ProcessId)];

    private static void Kill(IReadOnlyList<int> children)
    {
        foreach (var id in children)
        {
            try
            {
                using var child = Process.GetProcessById(id);
                child.Kill(entireProcessTree: true);
            }
            catch (Exception exception) when (exception is ArgumentException or InvalidOperationException)
            {
                // It has ended.
            }
        }
    }

    private static int? ParentOf(int id)
    {
        try
        {
            // Behind the program's name, which may have spaces and brackets in it: the state, and the parent.
            var stat = File.ReadAllText($"/proc/{id}/stat");
            return stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries) is [not "Z", var parent, ..]
                ? int.Parse(parent, CultureInfo.InvariantCulture)
                : null;
        }
        catch (IOException)
        {
            return null; // It has ended.
        }
    }
}

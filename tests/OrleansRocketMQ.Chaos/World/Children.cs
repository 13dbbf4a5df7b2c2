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
                Kill();
                Environment.Exit(130);
            }));
        }
    }

    /// <summary>Those whose parent is this process, by what Linux tells of it.</summary>
    public static IReadOnlyList<int> Ids() => [.. Directory.EnumerateDirectories("/proc")
        .Select(folder => int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : 0)
        .Where(id => id > 0 && ParentOf(id) == Environment.ProcessId)];

    private static void Kill()
    {
        foreach (var id in Ids())
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
            return int.Parse(stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return null; // It has ended.
        }
    }
}

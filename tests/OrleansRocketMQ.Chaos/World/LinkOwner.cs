using System.Globalization;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>Which process the other end of a connection on this machine belongs to, by what Linux tells of its sockets.</summary>
internal static class LinkOwner
{
    /// <param name="port">The port of the other end.</param>
    /// <param name="processes">Those it may belong to.</param>
    /// <returns>Null when it belongs to none of them.</returns>
    public static int? Of(int port, IEnumerable<int> processes)
    {
        if (InodeOf(port) is not { } inode)
        {
            return null;
        }

        var wanted = $"socket:[{inode}]";
        foreach (var process in processes)
        {
            try
            {
                if (Directory.EnumerateFiles($"/proc/{process}/fd").Any(handle => TargetOf(handle) == wanted))
                {
                    return process;
                }
            }
            catch (DirectoryNotFoundException)
            {
                // It has ended.
            }
        }

        return null;
    }

    private static string? InodeOf(int port)
    {
        var ending = ":" + port.ToString("X4", CultureInfo.InvariantCulture);
        foreach (var table in new[] { "/proc/net/tcp", "/proc/net/tcp6" }.Where(File.Exists))
        {
            foreach (var line in File.ReadLines(table).Skip(1))
            {
                var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (fields[1].EndsWith(ending, StringComparison.Ordinal))
                {
                    return fields[9];
                }
            }
        }

        return null;
    }

    private static string? TargetOf(string handle)
    {
        try
        {
            return new FileInfo(handle).LinkTarget;
        }
        catch (IOException)
        {
            return null; // Closed meanwhile.
        }
    }
}

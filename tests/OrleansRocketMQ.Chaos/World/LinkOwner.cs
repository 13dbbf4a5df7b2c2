using System.Globalization;
using System.Net;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>Which process the other end of a connection on this machine belongs to, by what Linux tells of its sockets.</summary>
internal static class LinkOwner
{
    /// <param name="other">The other end.</param>
    /// <param name="own">This end: from another address the same port may belong to somebody else.</param>
    /// <param name="processes">Those it may belong to.</param>
    /// <returns>Null when it belongs to none of them.</returns>
    public static int? Of(IPEndPoint other, IPEndPoint own, IEnumerable<int> processes)
    {
        if (InodeOf(other, own) is not { } inode)
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

    private static string? InodeOf(IPEndPoint other, IPEndPoint own)
    {
        var (here, there) = (Written(other), Written(own));
        foreach (var table in new[] { "/proc/net/tcp", "/proc/net/tcp6" }.Where(File.Exists))
        {
            foreach (var line in File.ReadLines(table).Skip(1))
            {
                var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (fields[1].EndsWith(here, StringComparison.Ordinal) && fields[2].EndsWith(there, StringComparison.Ordinal))
                {
                    return fields[9];
                }
            }
        }

        return null;
    }

    // As these tables have it, and the end of how they have it where a socket of both versions speaks IPv4.
    private static string Written(IPEndPoint end)
        => string.Create(CultureInfo.InvariantCulture, $"{BitConverter.ToUInt32(end.Address.MapToIPv4().GetAddressBytes()):X8}:{end.Port:X4}");

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

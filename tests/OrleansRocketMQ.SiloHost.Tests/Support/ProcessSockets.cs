using System.Globalization;
using System.Net;

namespace OrleansRocketMQ.SiloHost.Support;

/// <summary>Where a process of this machine listens, as Linux tells it: what it has open, held against the tables of TCP.</summary>
internal static class ProcessSockets
{
    private const string Listens = "0A";

    public static IReadOnlyList<IPEndPoint> ListeningOf(int process)
    {
        var open = Directory.EnumerateFiles($"/proc/{process}/fd")
            .Select(TargetOf)
            .Where(target => target.StartsWith("socket:[", StringComparison.Ordinal))
            .Select(target => target["socket:[".Length..^1])
            .ToHashSet(StringComparer.Ordinal);
        return
        [
            .. new[] { "tcp", "tcp6" }
                .SelectMany(table => File.ReadLines($"/proc/{process}/net/{table}").Skip(1))
                .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                .Where(row => row[3] == Listens && open.Contains(row[9]))
                .Select(row => Parse(row[1]))
                .OrderBy(endpoint => endpoint.Port),
        ];
    }

    private static string TargetOf(string link)
    {
        try
        {
            return File.ResolveLinkTarget(link, returnFinalTarget: false)?.Name ?? string.Empty;
        }
        catch (IOException)
        {
            return string.Empty; // Closed meanwhile.
        }
    }

    // An address is written as the numbers of the machine, four bytes each, the lowest first.
    private static IPEndPoint Parse(string text)
    {
        var (address, port) = (text[..^5], text[^4..]);
        var bytes = Convert.FromHexString(address).Chunk(4).SelectMany(word => word.Reverse()).ToArray();
        return new(new IPAddress(bytes), int.Parse(port, NumberStyles.HexNumber, CultureInfo.InvariantCulture));
    }
}

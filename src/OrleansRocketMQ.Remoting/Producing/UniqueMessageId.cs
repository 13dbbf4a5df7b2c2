using System.Buffers.Binary;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace OrleansRocketMQ.Producing;

/// <summary>
/// Makes the ids producers give messages, in the layout of <c>MessageClientIDSetter</c>: upper-case hex of address (4 or
/// 16 bytes), process id (2), a number of the process (4), milliseconds since the month began (4) and a counter (2).
/// </summary>
internal sealed class UniqueMessageId
{
    private readonly byte[] _prefix;
    private readonly TimeProvider _time;
    private Month _month;
    private int _counter;

    public UniqueMessageId(TimeProvider time, IPAddress address, int processId, int process)
    {
        var bytes = address.GetAddressBytes();
        _prefix = new byte[bytes.Length + 6];
        bytes.CopyTo(_prefix, 0);
        BinaryPrimitives.WriteInt16BigEndian(_prefix.AsSpan(bytes.Length), unchecked((short)processId));
        BinaryPrimitives.WriteInt32BigEndian(_prefix.AsSpan(bytes.Length + 2), process);
        _time = time;
        _month = Month.Of(time);
    }

    /// <summary>The ids of this process; one for all producers, so that its counter tells them apart.</summary>
    public static UniqueMessageId OfThisProcess { get; }
        = new(TimeProvider.System, LocalAddress(), Environment.ProcessId, Random.Shared.Next());

    public string Next()
    {
        var now = _time.GetUtcNow().ToUnixTimeMilliseconds();
        var month = _month;
        if (now >= month.End)
        {
            _month = month = Month.Of(_time);
        }

        // A clock set back a little over the month's begin must not look like a time far ahead.
        var sinceStart = now - month.Start is var span and not (< 0 and > -1_000_000) ? span : 0;
        Span<byte> id = stackalloc byte[16 + 6 + 6];
        _prefix.CopyTo(id);
        BinaryPrimitives.WriteInt32BigEndian(id[_prefix.Length..], unchecked((int)sinceStart));
        BinaryPrimitives.WriteInt16BigEndian(id[(_prefix.Length + 4)..], unchecked((short)(Interlocked.Increment(ref _counter) - 1)));
        return Convert.ToHexString(id[..(_prefix.Length + 6)]);
    }

    private static IPAddress LocalAddress()
    {
        try
        {
            var addresses = NetworkInterface.GetAllNetworkInterfaces()
                .Where(network => network.OperationalStatus == OperationalStatus.Up
                    && network.NetworkInterfaceType != NetworkInterfaceType.Loopback)
                .SelectMany(network => network.GetIPProperties().UnicastAddresses.Select(unicast => unicast.Address))
                .Where(address => !IPAddress.IsLoopback(address) && !address.IsIPv6LinkLocal)
                .ToList();
            if ((addresses.Find(address => address.AddressFamily == AddressFamily.InterNetwork) ?? addresses.FirstOrDefault()) is { } found)
            {
                return found;
            }
        }
        catch (NetworkInformationException)
        {
            // Any four bytes that other processes hardly have will do, as in Java.
        }

        return new IPAddress(Random.Shared.NextInt64(1, uint.MaxValue));
    }

    private sealed record Month(long Start, long End)
    {
        // Java counts from the month's begin in the local time zone.
        public static Month Of(TimeProvider time)
        {
            var zone = time.LocalTimeZone;
            var now = time.GetLocalNow();
            var first = new DateTime(now.Year, now.Month, 1, 0, 0, 0, DateTimeKind.Unspecified);
            return new(Milliseconds(first, zone), Milliseconds(first.AddMonths(1), zone));
        }

        private static long Milliseconds(DateTime local, TimeZoneInfo zone)
            => new DateTimeOffset(local, zone.GetUtcOffset(local)).ToUnixTimeMilliseconds();
    }
}

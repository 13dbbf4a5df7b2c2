using System.Buffers.Binary;
using System.Globalization;
using System.Net;

namespace OrleansRocketMQ;

/// <summary>
/// The id a broker gives a stored message: upper-case hex of its address (4 or 16 bytes), port (4) and commit-log
/// offset (8). Mirrors <c>MessageDecoder.createMessageId / decodeMessageId</c>.
/// </summary>
public static class OffsetMessageId
{
    /// <summary>Writes the id of the message at a commit-log offset of a broker.</summary>
    public static string Format(IPEndPoint storeHost, long commitLogOffset)
    {
        ArgumentNullException.ThrowIfNull(storeHost);
        Span<byte> host = stackalloc byte[HostField.MaxLength];
        return Format(host[..HostField.Write(host, storeHost)], commitLogOffset);
    }

    /// <summary>Reads an id.</summary>
    /// <exception cref="RocketMQValidationException">The text is not such an id.</exception>
    public static (IPEndPoint StoreHost, long CommitLogOffset) Parse(string? id)
    {
        if (id is null || id.Length is not (32 or 56))
        {
            throw Bad(id);
        }

        Span<byte> bytes = stackalloc byte[28];
        if (Convert.FromHexString(id, bytes, out _, out var length) != System.Buffers.OperationStatus.Done)
        {
            throw Bad(id);
        }

        var host = HostField.Read(bytes[..(length - 8)]);
        return (host, BinaryPrimitives.ReadInt64BigEndian(bytes[(length - 8)..length]));
    }

    internal static string Format(ReadOnlySpan<byte> host, long commitLogOffset)
    {
        Span<byte> bytes = stackalloc byte[HostField.MaxLength + 8];
        host.CopyTo(bytes);
        BinaryPrimitives.WriteInt64BigEndian(bytes[host.Length..], commitLogOffset);
        return Convert.ToHexString(bytes[..(host.Length + 8)]);
    }

    private static RocketMQValidationException Bad(string? id)
        => new("Offset message id", id, string.Create(CultureInfo.InvariantCulture, $"32 or 56 hexadecimal digits"));
}

using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace OrleansRocketMQ;

/// <summary>A host as stored in a message: 4 or 16 bytes of address, then the port as 32 bits.</summary>
internal static class HostField
{
    public const int V4Length = 8;
    public const int V6Length = 20;
    public const int MaxLength = V6Length;

    public static IPEndPoint Read(ReadOnlySpan<byte> field)
    {
        if (field.Length < V4Length)
        {
            return new IPEndPoint(IPAddress.None, 0);
        }

        var address = new IPAddress(field[..^4]);
        // Stored as 32 bits; anything beyond a port would come from a broken writer.
        return new IPEndPoint(address, BinaryPrimitives.ReadInt32BigEndian(field[^4..]) & 0xFFFF);
    }

    public static int Write(Span<byte> field, IPEndPoint host)
    {
        var address = host.Address.IsIPv4MappedToIPv6 ? host.Address.MapToIPv4() : host.Address;
        address.TryWriteBytes(field, out var length);
        BinaryPrimitives.WriteInt32BigEndian(field[length..], host.Port);
        return length + 4;
    }

    public static int LengthOf(IPEndPoint host)
        => host.AddressFamily == AddressFamily.InterNetworkV6 && !host.Address.IsIPv4MappedToIPv6 ? V6Length : V4Length;
}

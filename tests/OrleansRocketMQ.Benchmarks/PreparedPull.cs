using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>The request for more of one queue, of which only the digits of the offset change.</summary>
internal sealed class PreparedPull
{
    private const int Digits = 12;
    private static readonly string Zero = new('0', Digits);

    private readonly byte[] _frame;
    private readonly int _offsetAt;

    /// <param name="arguments">Topic, and as <c>--pull</c> how many messages at once.</param>
    /// <param name="queueId">The queue at the broker.</param>
    /// <param name="opaque">Ties its answers to it.</param>
    public PreparedPull(Arguments arguments, int queueId, int opaque)
    {
        var header = string.Create(
            CultureInfo.InvariantCulture,
            $$"""
            {"code":11,"extFields":{"consumerGroup":"socket","topic":"{{arguments.Topic}}","queueId":"{{queueId}}",
            "queueOffset":"{{Zero}}","maxMsgNums":"{{arguments.Number("pull", 32)}}","sysFlag":"4","commitOffset":"0",
            "suspendTimeoutMillis":"0","subscription":"*","subVersion":"0","expressionType":"TAG","maxMsgBytes":"262144"},
            "flag":0,"language":"DOTNET","opaque":{{opaque}},"serializeTypeCurrentRPC":"JSON","version":{{ProtocolVersion.Current}}}
            """).Replace("\n", string.Empty, StringComparison.Ordinal);
        var length = Encoding.UTF8.GetByteCount(header);
        _frame = new byte[8 + length];
        BinaryPrimitives.WriteInt32BigEndian(_frame, 4 + length);
        BinaryPrimitives.WriteInt32BigEndian(_frame.AsSpan(4), length);
        Encoding.UTF8.GetBytes(header, _frame.AsSpan(8));
        _offsetAt = _frame.AsSpan().IndexOf(Encoding.UTF8.GetBytes(Zero));
    }

    public long Offset { get; set; }

    public void Send(Socket socket)
    {
        Utf8Formatter.TryFormat(Offset, _frame.AsSpan(_offsetAt, Digits), out _, new('D', Digits));
        socket.Send(_frame);
    }
}

/// <summary>How long the parts of a frame are.</summary>
internal readonly ref struct FrameLengths(ReadOnlySpan<byte> frame)
{
    public int Header { get; } = BinaryPrimitives.ReadInt32BigEndian(frame[4..]) & 0xFF_FFFF;

    public int Body { get; } =
        BinaryPrimitives.ReadInt32BigEndian(frame) - 4 - (BinaryPrimitives.ReadInt32BigEndian(frame[4..]) & 0xFF_FFFF);
}

/// <summary>The little that has to be known of an answer, found by its text.</summary>
internal static class BareHeader
{
    /// <summary>Whether messages came; else the queue has no more.</summary>
    public static bool IsFound(ReadOnlySpan<byte> header) => Number(header, "\"code\":"u8) switch
    {
        ResponseCodes.Success => true,
        ResponseCodes.PullNotFound => false,
        var code => throw new InvalidOperationException($"the broker answered {code}: {Encoding.UTF8.GetString(header)}"),
    };

    public static long Number(ReadOnlySpan<byte> header, ReadOnlySpan<byte> before)
    {
        var at = header.IndexOf(before);
        return at >= 0 && Utf8Parser.TryParse(header[(at + before.Length)..], out long value, out _)
            ? value
            : throw new InvalidOperationException($"no {Encoding.UTF8.GetString(before)} in {Encoding.UTF8.GetString(header)}");
    }
}

using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Text;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Security;

namespace OrleansRocketMQ.Connections;

/// <summary>
/// The frame of a request that is sent again and again with other numbers: everything else was written once. Byte for byte what
/// <see cref="FrameWriter"/> makes of the same request. Immutable.
/// </summary>
internal sealed class RequestTemplate
{
    // A longer one, as with a long condition, is written like any other request.
    private const int MaxLength = 2048;
    private const int LongestNumber = 20;
    private const int SignatureLength = 28;

    private readonly Gaps _header;
    private readonly Gaps? _signed;
    private readonly string _secretKey;

    private RequestTemplate(int code, Gaps header, Gaps? signed, string secretKey)
    {
        Code = code;
        _header = header;
        _signed = signed;
        _secretKey = secretKey;
    }

    /// <summary>The code of the requests.</summary>
    public int Code { get; }

    /// <summary>No frame is longer.</summary>
    public int LongestFrame => 8 + _header.LongestLength;

    /// <summary>Makes the template of a request.</summary>
    /// <param name="request">It, with everything that goes with it, signed when requests are; its opaque not set.</param>
    /// <param name="numbers">The fields that change.</param>
    /// <param name="secretKey">What it is signed with; null: it is not.</param>
    /// <returns>Null when it is to be written as a whole each time.</returns>
    public static RequestTemplate? Of(RemotingCommand request, ReadOnlySpan<string> numbers, string? secretKey)
    {
        if (request.SerializeType != SerializeType.Json || request.Opaque != 0 || request.BodyLength > 0)
        {
            return null;
        }

        var fields = request.Fields.AsSpan();
        var ends = new int[fields.Length + 1];
        var output = new ArrayBufferWriter<byte>(1024);
        JsonHeader.Write(output, request, ends);
        var header = new Gaps(output.WrittenSpan.ToArray());
        for (var index = 0; index < fields.Length; index++)
        {
            // A value stands before the quotation mark that ends its field.
            var (name, value) = fields[index];
            var what = name == AclSigner.SignatureField ? Gaps.Signature : numbers.IndexOf(name);
            if (what != Gaps.Nothing && !header.TryAdd(ends[index] - 1, value, what))
            {
                return null;
            }
        }

        return header.TryAdd(ends[^1], "0", Gaps.Opaque) && header.LongestLength <= MaxLength
            ? new(request.Code, header, secretKey is null ? null : SignedBy(fields, numbers), secretKey ?? string.Empty)
            : null;
    }

    /// <summary>Writes the frame.</summary>
    /// <param name="output">Room for <see cref="LongestFrame"/>.</param>
    /// <param name="numbers">Those of the fields named to <see cref="Of"/>, in that order.</param>
    /// <param name="opaque">Ties the answer to it.</param>
    /// <returns>How long it is.</returns>
    public int Write(Span<byte> output, ReadOnlySpan<long> numbers, int opaque)
    {
        Span<byte> signature = stackalloc byte[SignatureLength];
        if (_signed is not null)
        {
            Sign(numbers, signature);
        }

        var length = _header.Fill(output[8..], numbers, opaque, signature);
        BinaryPrimitives.WriteInt32BigEndian(output, 4 + length);
        BinaryPrimitives.WriteInt32BigEndian(output[4..], ((int)SerializeType.Json << 24) | length);
        return 8 + length;
    }

    private void Sign(ReadOnlySpan<long> numbers, Span<byte> base64)
    {
        Span<byte> values = stackalloc byte[MaxLength];
        Span<byte> signature = stackalloc byte[SigningHash.Length];
        var length = _signed!.Fill(values, numbers, opaque: 0, []);
        SigningHash.Sign(_secretKey, values[..length], [], signature);
        Base64.EncodeToUtf8(signature, base64, out _, out _);
    }

    /// <summary>What is signed of it: the values in the order of their names.</summary>
    private static Gaps SignedBy(ReadOnlySpan<KeyValuePair<string, string>> fields, ReadOnlySpan<string> numbers)
    {
        Span<int> order = new int[fields.Length];
        AclSigner.SortByName(fields, order);
        var values = new ArrayBufferWriter<byte>();
        var gaps = new List<(int End, string Value, int What)>();
        foreach (var index in order)
        {
            var (name, value) = fields[index];
            if (name == AclSigner.SignatureField)
            {
                continue;
            }

            Encoding.UTF8.GetBytes(value, values);
            if (numbers.IndexOf(name) is var what and not Gaps.Nothing)
            {
                gaps.Add((values.WrittenCount, value, what));
            }
        }

        var signed = new Gaps(values.WrittenSpan.ToArray());
        gaps.ForEach(gap => signed.TryAdd(gap.End, gap.Value, gap.What));
        return signed;
    }

    /// <summary>Some bytes of which a few places are filled anew each time.</summary>
    private sealed class Gaps(byte[] bytes)
    {
        public const int Nothing = -1;
        public const int Opaque = -2;
        public const int Signature = -3;

        private readonly List<(int Start, int End, int What)> _gaps = [];

        public int LongestLength => bytes.Length + (_gaps.Count * LongestNumber);

        /// <summary>A gap behind those that were added.</summary>
        /// <returns>False when something else than the value stands there.</returns>
        public bool TryAdd(int end, string value, int what)
        {
            _gaps.Add((end - value.Length, end, what));
            return end >= value.Length && Ascii.Equals(bytes.AsSpan(end - value.Length, value.Length), value);
        }

        public int Fill(Span<byte> output, ReadOnlySpan<long> numbers, int opaque, ReadOnlySpan<byte> signature)
        {
            var (from, to) = (0, 0);
            foreach (var (start, end, what) in _gaps)
            {
                bytes.AsSpan(from, start - from).CopyTo(output[to..]);
                to += start - from;
                from = end;
                if (what == Signature)
                {
                    signature.CopyTo(output[to..]);
                    to += signature.Length;
                    continue;
                }

                Utf8Formatter.TryFormat(what == Opaque ? opaque : numbers[what], output[to..], out var written);
                to += written;
            }

            bytes.AsSpan(from).CopyTo(output[to..]);
            return to + bytes.Length - from;
        }
    }
}

using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ;

/// <summary>Settings of <see cref="MessageDecoder"/>. Immutable.</summary>
public sealed record MessageDecoderOptions
{
    /// <summary>The most that <see cref="MaxDecompressedLength"/> may be: 1 GiB.</summary>
    internal const int LargestBody = 1024 * 1024 * 1024;

    /// <summary>Decompresses zlib bodies, checks no CRC.</summary>
    public static MessageDecoderOptions Default { get; } = new();

    /// <summary>Who decompresses bodies. Default: zlib only.</summary>
    public MessageDecompressors Decompressors { get; init; } = MessageDecompressors.Default;

    /// <summary>
    /// Whether a body that does not match its checksum counts as unreadable. Default false, as in Java (<c>checkCRC</c>).
    /// </summary>
    public bool CheckCrc { get; init; }

    /// <summary>
    /// Bytes a compressed body may decompress to; a longer one counts as unreadable. Default 16 MiB, four times what
    /// Java's producers send unless told otherwise.
    /// </summary>
    public int MaxDecompressedLength { get; init; } = 16 * 1024 * 1024;

    /// <summary>Whether bodies stay as they are stored, save those that hold further messages.</summary>
    internal bool LeavesCompressed { get; init; }

    /// <summary>What is taken off the names of topics.</summary>
    internal ClientNamespace Namespace { get; init; } = ClientNamespace.None;
}

/// <summary>
/// Decodes stored messages. Bodies and properties stay slices of the given bytes; a body that is unreadable makes its
/// message carry <see cref="MessageExt.BodyError"/>, a broken layout throws because what follows cannot be found.
/// </summary>
public static class MessageDecoder
{
    /// <summary>
    /// Bytes that the bodies of one pull's answer decompress to before its remaining messages are left for another pull:
    /// what a queue holds is counted only after that. The first of them may need more.
    /// </summary>
    internal const int DecompressedBytesPerPull = 4 * 1024 * 1024;

    private const int ShortestRecord = StoredMessage.BornHostPosition + HostField.V4Length + 8 + HostField.V4Length + 4 + 8 + 4 + 1 + 2;

    /// <summary>Decodes all messages in <paramref name="records"/>, those inside inner batches one by one.</summary>
    /// <param name="records">Messages one after the other, for example the body of a pull's answer.</param>
    /// <param name="brokerName">The broker set they came from.</param>
    /// <param name="into">Gets the messages; those before a broken one are added.</param>
    /// <param name="options">Null means <see cref="MessageDecoderOptions.Default"/>.</param>
    /// <exception cref="MessageFormatException">A message's layout is broken.</exception>
    public static void DecodeAll(
        ReadOnlyMemory<byte> records,
        string brokerName,
        ICollection<MessageExt> into,
        MessageDecoderOptions? options = null)
        => DecodeWithin(long.MaxValue, records, brokerName, into, options);

    /// <summary>Decodes messages until their bodies have decompressed to so many bytes; the first compressed one always.</summary>
    /// <returns>The offset in its queue of the first message left out; null when there is none.</returns>
    /// <inheritdoc cref="DecodeAll(ReadOnlyMemory{byte},string,ICollection{MessageExt},MessageDecoderOptions)"/>
    internal static long? DecodeWithin(
        long decompressedBytes,
        ReadOnlyMemory<byte> records,
        string brokerName,
        ICollection<MessageExt> into,
        MessageDecoderOptions? options)
    {
        ArgumentNullException.ThrowIfNull(into);
        // Messages keep the array they came in; what is not in one, is put into one here.
        var bytes = MemoryMarshal.TryGetArray(records, out var segment) ? segment : new ArraySegment<byte>(records.ToArray());
        var decoding = new Decoding(bytes.Array!, brokerName, options ?? MessageDecoderOptions.Default, decompressedBytes)
        {
            Pooled = PooledBody.Of(records),
        };
        var position = bytes.Offset;
        var end = bytes.Offset + bytes.Count;
        while (position < end)
        {
            var size = ReadSize(bytes.Array.AsSpan(position, end - position));
            if (!decoding.TryDecodeRecord(position, size, into))
            {
                return StoredMessage.Int64At(bytes.Array.AsSpan(position), StoredMessage.QueueOffsetPosition);
            }

            position += size;
        }

        return null;
    }

    /// <inheritdoc cref="DecodeAll(ReadOnlyMemory{byte},string,ICollection{MessageExt},MessageDecoderOptions)"/>
    public static IReadOnlyList<MessageExt> DecodeAll(
        ReadOnlyMemory<byte> records,
        string brokerName = "",
        MessageDecoderOptions? options = null)
    {
        var messages = new List<MessageExt>();
        DecodeAll(records, brokerName, messages, options);
        return messages;
    }

    private static int ReadSize(ReadOnlySpan<byte> records)
    {
        var size = records.Length < 4 ? records.Length : BinaryPrimitives.ReadInt32BigEndian(records);
        return size >= ShortestRecord && size <= records.Length
            ? size
            : throw Bad("message size", size, $"{ShortestRecord} to {records.Length}, the bytes left");
    }

    private static MessageFormatException Bad(string field, long value, string expected)
        => new(field, value.ToString(CultureInfo.InvariantCulture), expected);

    private struct Decoding
    {
        private readonly MessageDecoderOptions _options;
        private readonly byte[] _bytes;
        private readonly string _brokerName;

        // A pull brings one topic, so what its messages share is made once.
        private MessageOrigin? _origin;
        private Range _topic;
        private long _bytesLeft;
        private bool _hasDecompressed;

        public Decoding(byte[] bytes, string brokerName, MessageDecoderOptions options, long decompressedBytes)
        {
            _bytesLeft = decompressedBytes;
            _bytes = bytes;
            _options = options;
            _brokerName = brokerName;
        }

        /// <summary>What the bytes are of, where they go back to a pool.</summary>
        public PooledBody? Pooled { get; init; }

        /// <summary>False: it is left out, as its body does not fit in what is left.</summary>
        public bool TryDecodeRecord(int start, int length, ICollection<MessageExt> into)
        {
            var record = _bytes.AsSpan(start, length);
            var magic = StoredMessage.Int32At(record, StoredMessage.MagicPosition);
            if (magic is not (StoredMessage.MagicV1 or StoredMessage.MagicV2))
            {
                throw Bad("magic code", magic, $"{StoredMessage.MagicV1} (V1) or {StoredMessage.MagicV2} (V2)");
            }

            var sysFlag = StoredMessage.Int32At(record, StoredMessage.SysFlagPosition);
            var position = StoredMessage.ReconsumeTimesPosition(sysFlag) + 12;
            if (length < position + 4)
            {
                throw Bad("message size", length, $"at least {position + 4} with these host addresses");
            }

            var (bodyStart, _) = Take(record, ref position, lengthBytes: 4, "body length");
            var (topicStart, topicLength) = Take(record, ref position, magic == StoredMessage.MagicV1 ? 1 : 2, "topic length");
            Take(record, ref position, lengthBytes: 2, "properties length");
            var origin = OriginOf(new Range(start + topicStart, start + topicStart + topicLength));
            var message = new MessageExt(origin, start, start + bodyStart);
            if (sysFlag == 0 && !_options.CheckCrc)
            {
                // The usual message is stored as it was sent.
                into.Add(message);
                return true;
            }

            return TryAddReadable(message, sysFlag, into);
        }

        private bool TryAddReadable(MessageExt message, int sysFlag, ICollection<MessageExt> into)
        {
            try
            {
                if (_options.CheckCrc && BodyChecksum.Compute(message.Body.Span) is var actual && actual != message.BodyCrc)
                {
                    throw Bad("body CRC", actual, message.BodyCrc.ToString(CultureInfo.InvariantCulture));
                }

                const int Unwrap = MessageSysFlag.InnerBatch | MessageSysFlag.NeedUnwrap;
                var isBatch = (sysFlag & Unwrap) == Unwrap;
                if ((sysFlag & MessageSysFlag.Compressed) != 0 && (isBatch || !_options.LeavesCompressed))
                {
                    if (!TryDecompress(ref message, MessageSysFlag.CompressionOf(sysFlag)))
                    {
                        return false;
                    }
                }

                if (isBatch)
                {
                    MessageBatchCodec.DecodeInner(message, into);
                }
                else
                {
                    into.Add(message);
                }
            }
            catch (MessageFormatException exception)
            {
                into.Add(message.WithBodyError(exception));
            }

            return true;
        }

        private bool TryDecompress(ref MessageExt message, CompressionType type)
        {
            var most = _hasDecompressed ? (int)Math.Min(_options.MaxDecompressedLength, _bytesLeft) : _options.MaxDecompressedLength;
            if (most <= 0)
            {
                return false;
            }

            try
            {
                var body = _options.Decompressors.Decompress(type, message.Body, most);
                _bytesLeft -= body.Length;
                _hasDecompressed = true;
                message = message.WithBody(body);
                return true;
            }
            catch (MessageFormatException) when (most < _options.MaxDecompressedLength)
            {
                // Too long for what is left, or unreadable: that will show when it comes first.
                return false;
            }
        }

        private MessageOrigin OriginOf(Range topic)
        {
            if (_origin is null || !_bytes.AsSpan(topic).SequenceEqual(_bytes.AsSpan(_topic)))
            {
                _topic = topic;
                _origin = new MessageOrigin(
                    Pooled is null ? _bytes : null,
                    _options.Namespace.Unwrap(Encoding.UTF8.GetString(_bytes.AsSpan(topic))),
                    _brokerName,
                    Pooled);
            }

            return _origin;
        }

        // Three times for each message.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static (int Start, int Length) Take(ReadOnlySpan<byte> record, ref int position, int lengthBytes, string what)
        {
            var rest = record[position..];
            if (rest.Length < lengthBytes)
            {
                throw TooShort(what, rest.Length, lengthBytes);
            }

            var length = lengthBytes switch
            {
                1 => (sbyte)rest[0],
                2 => BinaryPrimitives.ReadInt16BigEndian(rest),
                _ => BinaryPrimitives.ReadInt32BigEndian(rest),
            };
            if (length < 0 || length > rest.Length - lengthBytes)
            {
                throw TooLong(what, length, rest.Length - lengthBytes);
            }

            var start = position + lengthBytes;
            position = start + length;
            return (start, length);
        }

        private static MessageFormatException TooShort(string what, int left, int lengthBytes)
            => Bad(what, left, $"{lengthBytes} bytes of length");

        private static MessageFormatException TooLong(string what, int length, int most) => Bad(what, length, $"0 to {most}");
    }
}

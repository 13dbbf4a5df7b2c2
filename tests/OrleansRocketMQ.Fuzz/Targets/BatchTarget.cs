using System.Buffers.Binary;
using OrleansRocketMQ.Fuzz.Kernel;

namespace OrleansRocketMQ.Fuzz.Targets;

/// <summary>Several messages in one body.</summary>
internal sealed class BatchTarget : FuzzTarget
{
    private const int FixedLength = 22;

    public override string Name => "batches";

    public override IReadOnlyList<string> Decoders => [nameof(MessageBatchCodec)];

    public override IEnumerable<byte[]> Seeds() =>
    [
        MessageBatchCodec.Encode([new("t", "one"u8.ToArray()), new("t", "two"u8.ToArray()) { Tags = "tag" }]),
        MessageBatchCodec.Encode([new("t", new byte[300])]),
        [],
    ];

    public override void Frame(FuzzBuffer input)
    {
        if (input.Length is > 0 and < FixedLength)
        {
            input.Insert(input.Length, new byte[FixedLength - input.Length]);
        }

        for (var at = 0; at < input.Length;)
        {
            var size = BinaryPrimitives.ReadInt32BigEndian(input.Span[at..]);
            var left = input.Length - at;
            if (size < FixedLength || (size != left && size > left - FixedLength))
            {
                size = left;
                input.WriteInt32(at, size);
            }

            at += size;
        }
    }

    public override bool IsFramed(ReadOnlySpan<byte> input)
    {
        while (input.Length >= FixedLength && BinaryPrimitives.ReadInt32BigEndian(input) is var size && size >= FixedLength && size <= input.Length)
        {
            input = input[size..];
        }

        return input.IsEmpty;
    }

    public override bool Accepts(byte[] input)
    {
        try
        {
            var items = MessageBatchCodec.Decode(input);
            Must(items.Sum(item => FixedLength + item.Body.Length + item.StoredProperties.Length) <= input.Length, "more than there is");
            foreach (var item in items)
            {
                _ = MessageProperties.Decode(item.StoredProperties.Span);
            }

            return items.Count > 0;
        }
        catch (MessageFormatException)
        {
            return false;
        }
    }
}

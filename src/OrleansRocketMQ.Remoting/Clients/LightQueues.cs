using System.Buffers.Binary;
using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>
/// Light message queues: a message of an ordinary topic names further queues, <c>%LMQ%...</c>, and its broker lists it in these as well.
/// No name server has a route of them, since any broker may have such messages, and what a pull brings is the record of the ordinary
/// topic. Mirrors <c>MixAll.LMQ_PREFIX</c>, <c>LmqDispatch</c> and what <c>MQClientAPIImpl.processPopResponse</c> does with them.
/// </summary>
internal static class LightQueues
{
    private const byte Separator = (byte)',';

    /// <summary>The name server's brokers, each with one queue that is read.</summary>
    public static TopicRouteData RouteOf(ClusterInfo cluster) => new()
    {
        BrokerDatas = [.. cluster.BrokerAddrTable.Values],
        QueueDatas =
        [
            .. cluster.BrokerAddrTable.Keys.Select(broker => new QueueData
            {
                BrokerName = broker,
                Perm = QueueData.ReadPermission,
                ReadQueueNums = 1,
            }),
        ],
    };

    /// <summary>The names of the light queues that a message's property names, each once.</summary>
    public static string[] NamesOf(string? multiDispatch) => multiDispatch is null
        ? []
        : [.. multiDispatch.Split((char)Separator).Where(SystemTopics.IsLight).Distinct(StringComparer.Ordinal)];

    /// <summary>Gives messages the ids and offsets that they have in a light queue, in the bytes that a pull of it brought.</summary>
    /// <param name="records">What the pull brought; ours, nobody else reads it yet.</param>
    /// <param name="queue">The name of the light queue.</param>
    public static void PutRight(ReadOnlyMemory<byte> records, string queue)
    {
        var name = Encoding.UTF8.GetBytes(queue);
        var left = MemoryMarshal.AsMemory(records).Span;
        while (left.Length >= sizeof(int))
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(left);
            if (length <= 0 || length > left.Length || !TryFindProperties(left[..length], out var properties))
            {
                // Broken: whoever decodes it says so.
                return;
            }

            if (OffsetIn(properties, name) is { } offset)
            {
                BinaryPrimitives.WriteInt32BigEndian(left[StoredMessage.QueueIdPosition..], 0);
                BinaryPrimitives.WriteInt64BigEndian(left[StoredMessage.QueueOffsetPosition..], offset);
            }

            left = left[length..];
        }
    }

    /// <summary>A message's offset in a light queue; null where it does not tell of one.</summary>
    public static long? OffsetIn(ReadOnlySpan<byte> properties, ReadOnlySpan<byte> name)
    {
        if (!MessageProperties.TryFind(properties, "INNER_MULTI_DISPATCH"u8, out var names)
            || !MessageProperties.TryFind(properties, "INNER_MULTI_QUEUE_OFFSET"u8, out var offsets))
        {
            return null;
        }

        var offset = offsets.Split(Separator);
        foreach (var range in names.Split(Separator))
        {
            if (!offset.MoveNext())
            {
                return null;
            }

            if (names[range].SequenceEqual(name))
            {
                var text = offsets[offset.Current];
                return Utf8Parser.TryParse(text, out long value, out var read) && read == text.Length ? value : null;
            }
        }

        return null;
    }

    private static bool TryFindProperties(ReadOnlySpan<byte> record, out ReadOnlySpan<byte> properties)
    {
        properties = default;
        if (record.Length < StoredMessage.BornHostPosition)
        {
            return false;
        }

        var isV1 = StoredMessage.Int32At(record, StoredMessage.MagicPosition) == StoredMessage.MagicV1;
        var position = StoredMessage.ReconsumeTimesPosition(StoredMessage.Int32At(record, StoredMessage.SysFlagPosition)) + 12;
        return TryPass(record, ref position, lengthBytes: 4, out _)
            && TryPass(record, ref position, lengthBytes: isV1 ? 1 : 2, out _)
            && TryPass(record, ref position, lengthBytes: 2, out properties);
    }

    private static bool TryPass(ReadOnlySpan<byte> record, scoped ref int position, int lengthBytes, out ReadOnlySpan<byte> part)
    {
        part = default;
        if (record.Length - position < lengthBytes)
        {
            return false;
        }

        var at = record[position..];
        var length = lengthBytes switch
        {
            1 => at[0],
            2 => BinaryPrimitives.ReadInt16BigEndian(at),
            _ => BinaryPrimitives.ReadInt32BigEndian(at),
        };
        if (length < 0 || length > at.Length - lengthBytes)
        {
            return false;
        }

        part = at.Slice(lengthBytes, length);
        position += lengthBytes + length;
        return true;
    }
}

using System.Text;
using OrleansRocketMQ.Embedded.Store;

namespace OrleansRocketMQ.Embedded.Pops;

/// <summary>The records of a pop's answer.</summary>
internal static class PoppedRecord
{
    /// <summary>The records that lie in slices of the store, one by one.</summary>
    public static IReadOnlyList<ReadOnlyMemory<byte>> Split(IEnumerable<ReadOnlyMemory<byte>> parts)
    {
        var records = new List<ReadOnlyMemory<byte>>();
        foreach (var part in parts)
        {
            for (var rest = part; RecordLayout.IsRecord(rest.Span, out var size); rest = rest[size..])
            {
                records.Add(rest[..size]);
            }
        }

        return records;
    }

    /// <summary>
    /// A message of a retry topic as it is answered: under the topic that was asked for, so that the client knows only by the handle
    /// it carries where it lies.
    /// </summary>
    public static ReadOnlyMemory<byte> AsOf(string topic, ReadOnlyMemory<byte> record, ReceiptHandle handle)
    {
        var message = RecordLayout.Decode(record);
        var properties = Encoding.UTF8.GetString(RecordLayout.Properties(record.Span));
        var separator = properties.Length > 0 && properties[^1] != (char)MessageProperties.PropertySeparator ? "\u0002" : string.Empty;
        var encoded = new StoredMessage
        {
            Topic = topic,
            QueueId = message.QueueId,
            QueueOffset = message.QueueOffset,
            CommitLogOffset = message.CommitLogOffset,
            Body = RecordLayout.BodyMemory(record),
            Properties = $"{properties}{separator}{MessageProperties.PopCheckpoint}\u0001{handle}\u0002",
            Flag = message.Flag,
            SysFlag = message.SysFlag,
            BornTimestamp = message.BornTimestamp,
            BornHost = message.BornHost,
            StoreTimestamp = message.StoreTimestamp,
            StoreHost = message.StoreHost,
            ReconsumeTimes = message.ReconsumeTimes,
            PreparedTransactionOffset = message.PreparedTransactionOffset,
        };
        return encoded.Encode();
    }
}

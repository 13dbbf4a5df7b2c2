using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace OrleansRocketMQ.Clients;

/// <summary>
/// Messages of a logical queue are stored in queues of brokers, with their ids and offsets there. What a pull brought is put right
/// once, in its own bytes, so that nobody who reads a message has to know. Mirrors what <c>PullAPIWrapper</c> does to each message.
/// </summary>
internal static class LogicalRecords
{
    private const int Shortest = StoredMessage.QueueOffsetPosition + sizeof(long);

    /// <param name="records">What the pull brought; ours, nobody else reads it yet.</param>
    /// <param name="queueId">The id of the logical queue.</param>
    /// <param name="offsetDelta">How much further an offset in the logical queue is.</param>
    public static void PutRight(ReadOnlyMemory<byte> records, int queueId, long offsetDelta)
    {
        var left = MemoryMarshal.AsMemory(records).Span;
        while (left.Length >= Shortest)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(left);
            if (length < Shortest || length > left.Length)
            {
                // Broken: whoever decodes it says so.
                return;
            }

            var offset = left[StoredMessage.QueueOffsetPosition..];
            BinaryPrimitives.WriteInt32BigEndian(left[StoredMessage.QueueIdPosition..], queueId);
            BinaryPrimitives.WriteInt64BigEndian(offset, BinaryPrimitives.ReadInt64BigEndian(offset) + offsetDelta);
            left = left[length..];
        }
    }
}

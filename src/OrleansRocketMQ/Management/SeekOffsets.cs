using OrleansRocketMQ.Clients;

namespace OrleansRocketMQ.Management;

/// <summary>Asks brokers which offset of a queue somebody means, and what a queue offers.</summary>
internal static class SeekOffsets
{
    /// <summary>The offset each queue is to go on at. All are known before anything is done.</summary>
    /// <exception cref="RocketMQValidationException">The offset is not one of the queue's.</exception>
    /// <exception cref="RocketMQException">A broker could not be asked.</exception>
    public static async Task<Dictionary<MessageQueue, long>> FindAsync(
        RocketMQClient client,
        IReadOnlyList<MessageQueue> queues,
        SeekTarget target)
    {
        var offsets = await Task.WhenAll(queues.Select(queue => FindAsync(client, queue, target))).ConfigureAwait(false);
        return queues.Zip(offsets).ToDictionary(pair => pair.First, pair => pair.Second);
    }

    private static Task<long> FindAsync(RocketMQClient client, MessageQueue queue, SeekTarget target)
        => client.Routes.AtLeaderAsync(queue, master => FindAsync(client, master, queue, target));

    private static async Task<long> FindAsync(RocketMQClient client, string master, MessageQueue queue, SeekTarget target)
    {
        if (target.IsEnd)
        {
            return await client.Brokers.GetMaxOffsetAsync(master, queue).ConfigureAwait(false);
        }

        var first = await client.Brokers.GetMinOffsetAsync(master, queue).ConfigureAwait(false);
        if (target is { Offset: null, Time: null })
        {
            return first;
        }

        var end = await client.Brokers.GetMaxOffsetAsync(master, queue).ConfigureAwait(false);
        if (target.Offset is { } offset)
        {
            return offset >= first && offset <= end
                ? offset
                : throw new RocketMQValidationException("Offset", offset, $"{first} to {end}, which {queue} has");
        }

        // Brokers differ in what they say of a time behind their last message.
        var time = target.Time!.Value.ToUnixTimeMilliseconds();
        var found = await client.Brokers.SearchOffsetAsync(master, queue, time).ConfigureAwait(false);
        return Math.Clamp(found, first, Math.Max(first, end));
    }
}

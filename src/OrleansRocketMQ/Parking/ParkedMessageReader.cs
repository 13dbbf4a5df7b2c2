using Orleans;
using OrleansRocketMQ.Clients;

namespace OrleansRocketMQ.Parking;

/// <summary>
/// Reads a parked message where it lies. It is pulled under the group itself, the one that is sure to exist. Nothing is
/// committed, and a reset that is meant for the group's own pull of the queue is kept for it.
/// </summary>
internal sealed class ParkedMessageReader(RocketMQClient client, string group, IGrainFactory grains)
{
    public RocketMQClient Client => client;

    /// <summary>The message; null when its queue has it no more.</summary>
    public async Task<MessageExt?> ReadAsync(ParkedMessage parked, CancellationToken cancellationToken)
    {
        var broker = client.Routes.MasterOf(parked.Queue);
        if (parked.Offset < await client.Brokers.GetMinOffsetAsync(broker, parked.Queue, cancellationToken))
        {
            // Nor could the answer to a pull be told from a reset.
            return null;
        }

        long? reset = null;
        var request = new PullRequest(group, parked.Queue, parked.Offset)
        {
            Expression = MessageSelector.AllTags,
            SuspendTimeout = TimeSpan.Zero,
            MaxMessages = 1,
        };
        PullResult result;
        try
        {
            while ((result = await client.Brokers.PullAsync(broker, request, cancellationToken: cancellationToken))
                .IsResetOf(parked.Offset))
            {
                reset = result.NextBeginOffset;
            }
        }
        finally
        {
            if (reset is { } offset)
            {
                await PutBackAsync(broker, parked.Queue, offset);
            }
        }

        var messages = new List<MessageExt>();
        if (result.Status == PullStatus.Found)
        {
            result.Decode(messages, parked.Queue.BrokerName, client.Options.DecoderOptions);
        }

        // The topic may have been made anew meanwhile, with another message at that offset.
        return messages.Find(message => message.QueueOffset == parked.Offset && message.MessageId == parked.MessageId);
    }

    /// <summary>Whoever consumes the queue, perhaps another program, is to hear of the reset as if nobody had looked.</summary>
    private async Task PutBackAsync(string broker, MessageQueue queue, long offset)
    {
        try
        {
            await client.Brokers.ResetConsumerOffsetAsync(broker, group, queue, offset);
        }
        catch (BrokerResponseException)
        {
            // The account may consume and not administrate.
            await grains.GetGrain<IConsumerGroupManagementGrain>(group)
                .SeekAsync(ConsumerScope.OfQueue(queue), SeekTarget.AtOffset(offset));
        }
    }
}

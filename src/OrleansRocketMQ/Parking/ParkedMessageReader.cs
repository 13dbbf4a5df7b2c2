using OrleansRocketMQ.Clients;

namespace OrleansRocketMQ.Parking;

/// <summary>
/// Reads a parked message where it lies. It is pulled under the group itself, the one that is sure to exist; nothing is
/// committed.
/// </summary>
internal sealed class ParkedMessageReader(RocketMQClient client, string group)
{
    public RocketMQClient Client => client;

    /// <summary>The message; null when its queue has it no more.</summary>
    public async Task<MessageExt?> ReadAsync(ParkedMessage parked, CancellationToken cancellationToken)
    {
        var request = new PullRequest(group, parked.Queue, parked.Offset)
        {
            Expression = MessageSelector.AllTags,
            SuspendTimeout = TimeSpan.Zero,
            MaxMessages = 1,
        };
        var result = await client.Brokers.PullAsync(client.Routes.MasterOf(parked.Queue), request, cancellationToken: cancellationToken);
        var messages = new List<MessageExt>();
        if (result.Status == PullStatus.Found)
        {
            result.Decode(messages, parked.Queue.BrokerName, client.Options.DecoderOptions);
        }

        // The topic may have been made anew meanwhile, with another message at that offset.
        return messages.Find(message => message.QueueOffset == parked.Offset && message.MessageId == parked.MessageId);
    }
}

using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>
/// Commits offsets of logical queues. Brokers file one with the piece of the queue it lies in, and tell the one of the newest piece that
/// has any: after a step back over the border of a piece that is the one from before the step.
/// </summary>
internal static class LogicalCommits
{
    /// <summary>Commits an offset, and sees to it that the broker tells it from then on.</summary>
    /// <exception cref="OffsetException">The broker goes on telling a higher one.</exception>
    public static async Task CommitLogicalOffsetAsync(
        this RocketMQClient client, string group, MessageQueue queue, long offset, CancellationToken cancellationToken = default)
    {
        await client.TellAsync(group, queue, offset, cancellationToken);
        if (await client.HigherAsync(group, queue, offset, cancellationToken) is null)
        {
            return;
        }

        if (client.Routes.Find(queue.Topic) is { } route
            && route.NewestPieceOf(queue) is { } piece
            && client.Routes.FindAddress(piece.BrokerName, onlyThisBroker: true) is { } leader)
        {
            await client.Brokers.ForgetPieceOffsetAsync(leader.Address, group, piece, cancellationToken);

            // Should it lie in the newest piece after all, and somebody have told a higher one meanwhile, it has just been forgotten.
            await client.TellAsync(group, queue, offset, cancellationToken);
        }

        if (await client.HigherAsync(group, queue, offset, cancellationToken) is { } higher)
        {
            throw new OffsetException(
                queue, $"it cannot go back to {offset}: the broker has {higher} with a newer piece of the queue, and goes on telling that");
        }
    }

    private static Task TellAsync(
        this RocketMQClient client, string group, MessageQueue queue, long offset, CancellationToken cancellationToken)
        => client.Routes.AtLeaderAsync(
            queue,
            leader => client.Brokers.UpdateConsumerOffsetAsync(leader, group, queue, offset, cancellationToken: cancellationToken),
            cancellationToken);

    private static async Task<long?> HigherAsync(
        this RocketMQClient client, string group, MessageQueue queue, long offset, CancellationToken cancellationToken)
    {
        var told = await client.Routes.AtLeaderAsync(
            queue,
            leader => client.Brokers.QueryConsumerOffsetAsync(leader, group, queue, setZeroIfNotFound: false, cancellationToken),
            cancellationToken);
        return told > offset ? told : null;
    }
}

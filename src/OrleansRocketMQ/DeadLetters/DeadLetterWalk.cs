using System.Runtime.CompilerServices;

namespace OrleansRocketMQ.DeadLetters;

/// <summary>
/// One walk over a group's dead letters that have not been handled. A queue that cannot be read is noted, and the walk
/// goes on with the others.
/// </summary>
internal sealed class DeadLetterWalk(DeadLetterReader reader, DeadLetterAckStore acks, DeadLetterPosition? from = null)
{
    /// <summary>What could not be read so far.</summary>
    public List<UnreadLetters> Unread { get; } = [];

    public async IAsyncEnumerable<(MessageExt Letter, MessageQueue Queue)> ReadAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var queue in await reader.GetQueuesAsync(Unread, cancellationToken))
        {
            if (from is not null && queue.CompareTo(from.Queue) < 0)
            {
                continue;
            }

            await using var letters = ReadQueueAsync(queue, cancellationToken).GetAsyncEnumerator(cancellationToken);
            while (await MoveNextAsync(letters, queue))
            {
                yield return (letters.Current, queue);
            }
        }
    }

    private async Task<bool> MoveNextAsync(IAsyncEnumerator<MessageExt> letters, MessageQueue queue)
    {
        try
        {
            return await letters.MoveNextAsync();
        }
        catch (RocketMQException exception)
        {
            Unread.Add(new($"{queue}", exception));
            return false;
        }
    }

    private async IAsyncEnumerable<MessageExt> ReadQueueAsync(
        MessageQueue queue,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var begin = await acks.ReadPositionAsync(queue, cancellationToken);
        if (queue == from?.Queue)
        {
            begin = Math.Max(begin, from.Offset);
        }

        await foreach (var letter in reader.ReadAsync(queue, begin, cancellationToken))
        {
            if (!acks.IsAcked(queue, letter.QueueOffset))
            {
                yield return letter;
            }
        }
    }
}

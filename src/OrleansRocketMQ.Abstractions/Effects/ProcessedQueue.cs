using Orleans;

namespace OrleansRocketMQ;

/// <summary>
/// Which messages of one queue a grain's state has the effects of. Part of <see cref="ProcessedOffsets"/>; its setters are for
/// storages, which make it again from whatever they have written. Not thread-safe.
/// </summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.ProcessedQueue")]
public sealed class ProcessedQueue
{
    private const int MostSpans = 32;

    /// <summary>The queue's topic; for messages that came back through %RETRY% that topic.</summary>
    [Id(0)]
    public string Topic { get; set; } = string.Empty;

    /// <summary>The queue's broker set.</summary>
    [Id(1)]
    public string Broker { get; set; } = string.Empty;

    /// <summary>The queue's number.</summary>
    [Id(2)]
    public int QueueId { get; set; }

    /// <summary>
    /// The offsets between which every message that was for the grain is in its state: first and last of each span, ascending.
    /// One span, unless operators have sought forward. When there are more than 32 the two lowest become one.
    /// </summary>
    [Id(3)]
    public long[] Spans { get; set; } = [];

    /// <summary>The highest place in the broker's commit log that a message had.</summary>
    [Id(4)]
    public long CommitLogOffset { get; set; }

    /// <summary>The latest time at which a message was stored, milliseconds since 1970 UTC.</summary>
    [Id(5)]
    public long StoreTimestamp { get; set; }

    /// <summary>The last message of the reading under way.</summary>
    [Id(6)]
    public long At { get; set; }

    /// <summary><see cref="QueueReading.Seek"/> of the reading under way.</summary>
    [Id(7)]
    public long Seek { get; set; }

    /// <summary>The highest <see cref="QueueReading.Effects"/> so far.</summary>
    [Id(8)]
    public long Effects { get; set; }

    internal bool Is(MessageQueue queue) => QueueId == queue.QueueId && Topic == queue.Topic && Broker == queue.BrokerName;

    internal bool TryAdd(MessageExt message, QueueReading reading)
    {
        var offset = message.QueueOffset;
        if (Spans.Length == 0 || reading.Effects > Effects || IsOfAnother(message))
        {
            (Spans, CommitLogOffset, StoreTimestamp) = ([], 0, 0);
            Cover(offset, offset);
            Note(message, reading);
            return true;
        }

        var isNew = !Contains(offset);
        // Within a reading nothing of the grain's lies between a message and the next one it gets.
        Cover(reading.Seek == Seek ? Math.Min(At, offset) : offset, offset);
        Note(message, reading);
        return isNew;
    }

    /// <summary>
    /// Whether the queue is not the one it was: its topic was deleted and made anew, so that its offsets begin at 0 again, or its
    /// broker has lost its store. No message that is in the state has a higher place in the commit log, or a later time,
    /// than the highest and latest of all that are; one of a new topic has the first, one of a new store the second.
    /// </summary>
    private bool IsOfAnother(MessageExt message) => message.QueueOffset <= Spans[^1]
        && (message.CommitLogOffset > CommitLogOffset || message.StoreTimestamp > StoreTimestamp);

    private bool Contains(long offset)
    {
        for (var index = 0; index < Spans.Length; index += 2)
        {
            if (Spans[index] <= offset && offset <= Spans[index + 1])
            {
                return true;
            }
        }

        return false;
    }

    private void Note(MessageExt message, QueueReading reading)
    {
        CommitLogOffset = Math.Max(CommitLogOffset, message.CommitLogOffset);
        StoreTimestamp = Math.Max(StoreTimestamp, message.StoreTimestamp);
        (At, Seek, Effects) = (message.QueueOffset, reading.Seek, Math.Max(Effects, reading.Effects));
    }

    private void Cover(long from, long to)
    {
        if (Spans.Length > 0 && Spans[^2] <= from && from <= Spans[^1])
        {
            Spans[^1] = Math.Max(Spans[^1], to);
            return;
        }

        var spans = new List<long>(Spans.Length + 2);
        for (var index = 0; index < Spans.Length; index += 2)
        {
            var (first, last) = (Spans[index], Spans[index + 1]);
            if (last >= from && first <= to)
            {
                (from, to) = (Math.Min(from, first), Math.Max(to, last));
            }
            else
            {
                spans.AddRange([first, last]);
            }
        }

        var place = spans.FindIndex(offset => offset > from);
        spans.InsertRange(place < 0 ? spans.Count : place, [from, to]);
        if (spans.Count > 2 * MostSpans)
        {
            spans.RemoveRange(1, 2);
        }

        Spans = [.. spans];
    }
}

using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Dispatch.Orderly;

/// <summary>Takes a batch apart, message by message, and puts what is left of it together again.</summary>
internal static class RangeSplitter
{
    public static ProcessQueueRange[] Singles(ProcessQueueRange batch)
        => [.. Enumerable.Range(0, batch.Messages.Count).Select(index => batch.Slice(index, 1))];

    /// <summary>What is left of a batch, in as few pieces as possible: it is to come again as the batch it was.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="left">Some of its messages, in order.</param>
    public static List<ProcessQueueRange> Join(ProcessQueueRange batch, IEnumerable<ProcessQueueRange> left)
    {
        var joined = new List<ProcessQueueRange>();
        foreach (var single in left)
        {
            if (joined.Count > 0 && joined[^1].Place + joined[^1].Messages.Count == single.Place)
            {
                joined[^1] = batch.Slice((int)(joined[^1].Place - batch.Place), joined[^1].Messages.Count + 1);
            }
            else
            {
                joined.Add(single);
            }
        }

        return joined;
    }
}

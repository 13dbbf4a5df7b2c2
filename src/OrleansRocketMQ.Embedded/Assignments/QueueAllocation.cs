using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Assignments;

/// <summary>
/// Which queues a member gets, of queues and members that are sorted. Mirrors <c>AllocateMessageQueueAveragely</c>,
/// <c>AllocateMessageQueueAveragelyByCircle</c> and <c>QueryAssignmentProcessor.allocate4Pop</c>.
/// </summary>
internal static class QueueAllocation
{
    private const int AnyQueue = -1;

    /// <returns>Null: there is no strategy of that name, or nothing to share out.</returns>
    public static IReadOnlyList<QueueKey>? Of(
        SetMessageRequestModeRequest mode,
        string strategy,
        IReadOnlyList<QueueKey> queues,
        IReadOnlyList<string> members,
        string member)
    {
        if (strategy is not ("AVG" or "AVG_BY_CIRCLE"))
        {
            return null;
        }

        if (mode.Mode == MessageRequestMode.Pull)
        {
            return Share(strategy, queues, members, member);
        }

        if (mode.PopShareQueueNum <= 0 || mode.PopShareQueueNum >= members.Count - 1)
        {
            // All members pop all queues: each broker once.
            return [.. queues.Select(queue => queue with { QueueId = AnyQueue }).Distinct()];
        }

        return members.Count <= queues.Count
            ? Shared(mode.PopShareQueueNum, strategy, queues, members, member)
            : One(queues, members, member);
    }

    // A member's own queues, and those of the members that follow it.
    private static IReadOnlyList<QueueKey>? Shared(
        int others, string strategy, IReadOnlyList<QueueKey> queues, IReadOnlyList<string> members, string member)
    {
        var own = Share(strategy, queues, members, member);
        var index = members.IndexOf(member);
        return own is null || index < 0
            ? own
            :
            [
                .. Enumerable.Range(1, others)
                    .SelectMany(distance => Share(strategy, queues, members, members[(index + distance) % members.Count])!)
                    .Concat(own)
                    .Distinct(),
            ];
    }

    private static IReadOnlyList<QueueKey>? One(IReadOnlyList<QueueKey> queues, IReadOnlyList<string> members, string member)
        => queues.Count == 0 ? null
            : members.IndexOf(member) is >= 0 and var index ? [queues[index % queues.Count]]
            : [];

    private static IReadOnlyList<QueueKey>? Share(
        string strategy, IReadOnlyList<QueueKey> queues, IReadOnlyList<string> members, string member)
    {
        var index = members.IndexOf(member);
        if (queues.Count == 0 || string.IsNullOrEmpty(member))
        {
            return null;
        }

        if (index < 0)
        {
            return [];
        }

        if (strategy == "AVG_BY_CIRCLE")
        {
            return [.. queues.Where((_, queue) => queue % members.Count == index)];
        }

        var (each, more) = Math.DivRem(queues.Count, members.Count);
        return [.. queues.Skip((index * each) + Math.Min(index, more)).Take(each + (index < more ? 1 : 0))];
    }

    private static int IndexOf(this IReadOnlyList<string> members, string member)
    {
        for (var index = 0; index < members.Count; index++)
        {
            if (members[index] == member)
            {
                return index;
            }
        }

        return -1;
    }
}

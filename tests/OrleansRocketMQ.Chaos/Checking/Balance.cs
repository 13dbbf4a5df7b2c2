using OrleansRocketMQ.Chaos.World;

namespace OrleansRocketMQ.Chaos.Checking;

/// <summary>Whether a group's queues are shared out as they should be.</summary>
internal static class Balance
{
    /// <param name="silos">The silos that run the group, by their names.</param>
    /// <param name="expected">How many silos there are.</param>
    /// <param name="queues">The queues of its topic.</param>
    /// <param name="all">How many the topic has.</param>
    /// <param name="others">How many members are no silos.</param>
    /// <returns>What is not as it should be; null: all is.</returns>
    public static string? Of(IReadOnlyCollection<string> silos, int expected, IReadOnlyList<ShownQueue> queues, int all, int others)
    {
        if (silos.Count != expected)
        {
            return $"{silos.Count} of {expected} silos run the group";
        }

        if (queues.DistinctBy(queue => (queue.Broker, queue.QueueId)).Count() != all || queues.Count != all)
        {
            return $"{queues.Count} of {all} queues are there";
        }

        var counts = silos.Select(silo => queues.Count(queue => queue.Silo == silo)).ToList();
        var elsewhere = all - counts.Sum();
        var (least, most) = (all / (expected + others), (all + expected + others - 1) / (expected + others));
        if (elsewhere < others * least || elsewhere > others * most)
        {
            return $"{elsewhere} of {all} queues are on no silo";
        }

        return queues.Any(queue => queue.IsPinned) || (counts.Min() >= least && counts.Max() <= most)
            ? null
            : $"silos have {string.Join(", ", counts)} of {all} queues";
    }
}

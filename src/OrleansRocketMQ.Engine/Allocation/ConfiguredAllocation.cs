using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Allocation;

/// <summary>
/// CONFIGURATION: each member gets the queues written down for it, and nobody gets the others. Mirrors
/// <c>AllocateMessageQueueByConfig</c>, whose name CONFIG is known too.
/// </summary>
/// <remarks>
/// Java's members know only their own list; here every silo knows all. A retry topic of which nothing is written down is
/// shared out as by AVG: otherwise messages that failed would never come again.
/// </remarks>
public sealed class ConfiguredAllocation : WholeAllocation
{
    private readonly Dictionary<MessageQueue, string> _members = [];
    private readonly HashSet<string> _topics = new(StringComparer.Ordinal);
    private readonly AverageAllocation _average = new();

    /// <summary>Takes the lists.</summary>
    /// <param name="queuesByMember">
    /// Queues by member: a whole client id, or its part before <c>#</c>, which for a silo is <c>ip@port</c> of its
    /// silo endpoint and the same after each restart.
    /// </param>
    /// <exception cref="RocketMQValidationException">A queue is written down for two members.</exception>
    public ConfiguredAllocation(IEnumerable<KeyValuePair<string, IReadOnlyList<MessageQueue>>> queuesByMember)
    {
        ArgumentNullException.ThrowIfNull(queuesByMember);
        foreach (var (member, queues) in queuesByMember)
        {
            foreach (var queue in queues)
            {
                _topics.Add(queue.Topic);
                if (!_members.TryAdd(queue, member) && _members[queue] != member)
                {
                    throw new RocketMQValidationException(
                        "QueuesByMember", queue, $"a queue of one member only; '{_members[queue]}' and '{member}' both have it");
                }
            }
        }
    }

    /// <inheritdoc/>
    public override string Name => "CONFIGURATION";

    private protected override void Share(
        string group,
        IReadOnlyList<MessageQueue> queues,
        IReadOnlyList<string> clientIds,
        List<MessageQueue>[] shares)
    {
        if (SystemTopics.IsRetry(queues[0].Topic) && !_topics.Contains(queues[0].Topic))
        {
            var average = _average.AllocateAll(group, queues, clientIds);
            for (var member = 0; member < shares.Length; member++)
            {
                shares[member].AddRange(average[member]);
            }

            return;
        }

        var members = _members.Values
            .Distinct(StringComparer.Ordinal)
            .ToDictionary(owner => owner, owner => Find(owner, clientIds), StringComparer.Ordinal);
        foreach (var queue in queues)
        {
            if (_members.TryGetValue(queue, out var owner) && members[owner] is >= 0 and var member)
            {
                shares[member].Add(queue);
            }
        }
    }

    // The last that fits: of two lives of one silo the broker may still list, the younger has the higher number.
    private static int Find(string owner, IReadOnlyList<string> clientIds)
    {
        for (var member = clientIds.Count - 1; member >= 0; member--)
        {
            var clientId = clientIds[member];
            if (clientId.StartsWith(owner, StringComparison.Ordinal) && (clientId.Length == owner.Length || clientId[owner.Length] == '#'))
            {
                return member;
            }
        }

        return -1;
    }
}

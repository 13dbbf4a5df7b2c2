using OrleansRocketMQ.Chaos.World;

namespace OrleansRocketMQ.Chaos.Checking;

/// <summary>Holds what listeners have written down against what was sent.</summary>
/// <param name="Consumed">Different messages.</param>
/// <param name="Repeated">Deliveries of messages that had been consumed before.</param>
/// <param name="Lost">Messages that were sent and not consumed.</param>
/// <param name="OutOfOrder">Messages of ordered topics that were consumed before an earlier one of their key.</param>
internal sealed record RoundCheck(int Consumed, IReadOnlyList<RoundRecord> Repeated, IReadOnlyList<string> Lost, IReadOnlyList<string> OutOfOrder)
{
    /// <summary>How many deliveries were of messages that had been consumed before.</summary>
    public int Again => Repeated.Count;

    /// <param name="files">What listeners have written.</param>
    /// <param name="sent">How many numbers of each key were sent.</param>
    public static RoundCheck Of(IEnumerable<string> files, IReadOnlyDictionary<(string Topic, string Key), int> sent)
    {
        var records = files.SelectMany(RoundRecord.Read).Where(record => RoundTopics.All.Contains(record.Group)).OrderBy(record => record.At).ToList();
        var firsts = new Dictionary<(string Topic, string Key), HashSet<int>>();
        var (again, outOfOrder) = (new List<RoundRecord>(), new List<string>());
        foreach (var record in records)
        {
            var seen = firsts.TryGetValue((record.Group, record.Key), out var known) ? known : firsts[(record.Group, record.Key)] = [];
            if (!seen.Add(record.Number))
            {
                again.Add(record);
            }
            else if (record.Group != RoundTopics.Any && record.Number != seen.Count - 1)
            {
                outOfOrder.Add($"{record.Group} {record.Key} {record.Number} as number {seen.Count - 1}");
            }
        }

        var lost = sent.SelectMany(key => Enumerable.Range(0, key.Value)
            .Where(number => !firsts.TryGetValue(key.Key, out var seen) || !seen.Contains(number))
            .Select(number => $"{key.Key.Topic} {key.Key.Key} {number}")).ToList();
        return new(records.Count - again.Count, again, lost, outOfOrder);
    }

    /// <summary>What must not be.</summary>
    public IEnumerable<string> Complaints()
    {
        if (Lost.Count > 0)
        {
            yield return $"{Lost.Count} messages are lost, such as {string.Join(", ", Lost.Take(5))}";
        }

        if (OutOfOrder.Count > 0)
        {
            yield return $"{OutOfOrder.Count} messages out of order, such as {string.Join(", ", OutOfOrder.Take(5))}";
        }
    }
}

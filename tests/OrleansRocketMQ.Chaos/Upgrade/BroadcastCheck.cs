using OrleansRocketMQ.Chaos.Checking;
using OrleansRocketMQ.Chaos.World;

namespace OrleansRocketMQ.Chaos.Upgrade;

/// <summary>Each silo gets each message of a broadcasting group, whatever its versions: the one goes on where the other has stopped.</summary>
internal static class BroadcastCheck
{
    /// <summary>Progress is stored that often; what was consumed since comes again where a silo is killed.</summary>
    private const int SecondsBetweenStores = 5;

    /// <param name="silos">All processes, those of one name in the order in which they ran.</param>
    /// <param name="sent">How many numbers of each key were sent.</param>
    public static IEnumerable<string> Complaints(IEnumerable<StartedSilo> silos, IReadOnlyDictionary<(string Topic, string Key), int> sent)
    {
        foreach (var silo in silos.GroupBy(silo => silo.Name))
        {
            var records = silo.SelectMany(process => RoundRecord.Read(process.Records)).Where(record => record.Group == RoundTopics.Everywhere).ToList();
            var seen = records.Select(record => (record.Key, record.Number)).ToHashSet();
            var lost = sent.Where(key => key.Key.Topic == RoundTopics.Any)
                .SelectMany(key => Enumerable.Range(0, key.Value).Select(number => (key.Key.Key, number)))
                .Count(message => !seen.Contains(message));
            if (lost > 0)
            {
                yield return $"{silo.Key} has not got {lost} messages that were broadcast";
            }

            var killed = silo.Count(process => process.WasKilled);
            var most = killed * (SecondsBetweenStores + 1) * Load.MostPerSecond;
            if (records.Count - seen.Count > most)
            {
                yield return $"{silo.Key} has got {records.Count - seen.Count} broadcast messages again, of {most} at most";
            }
        }
    }
}

using OrleansRocketMQ.Chaos.Checking;
using OrleansRocketMQ.Chaos.World;

namespace OrleansRocketMQ.Chaos.Upgrade;

/// <summary>What a silo has done behind a message that it does not end.</summary>
internal static class HeldBack
{
    /// <param name="files">What all listeners have written.</param>
    /// <param name="own">What those of the silo have written.</param>
    /// <returns>Messages of the key that is held for longest.</returns>
    public static int Behind(IEnumerable<string> files, string own)
    {
        var done = files.SelectMany(RoundRecord.Read).Where(record => record.Group == RoundTopics.Any)
            .GroupBy(record => record.Key).ToDictionary(key => key.Key, key => key.Select(record => record.Number).ToHashSet());
        return RoundRecord.Read(own).Where(record => record.Group == RoundTopics.Any).GroupBy(record => record.Key)
            .Select(key => key.Count(record => record.Number > FirstMissing(done[key.Key])))
            .DefaultIfEmpty().Max();
    }

    private static int FirstMissing(HashSet<int> numbers) => Enumerable.Range(0, numbers.Count + 1).First(number => !numbers.Contains(number));
}

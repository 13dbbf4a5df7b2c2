using System.Text.Json;
using OrleansRocketMQ.Chaos.World;

namespace OrleansRocketMQ.Chaos.Checking;

/// <summary>What the messages of a key have done, as it stands in the store.</summary>
/// <param name="Key">The key.</param>
/// <param name="Next">The number that is next: so many have had their effect, each in its turn.</param>
/// <param name="Again">How many more messages have had an effect, whose number had been there before.</param>
/// <param name="Early">How many messages had an effect before an earlier one had.</param>
internal sealed record StoredEffect(string Key, int Next, int Again, int Early)
{
    /// <summary>What only such records hold.</summary>
    public const string Mark = "EffectsOfKey";

    /// <param name="record">A stored record of the grain's state.</param>
    public static StoredEffect Read(string record)
    {
        using var json = JsonDocument.Parse(record);
        var value = json.RootElement.GetProperty("Value");
        return new(value.GetProperty(Mark).GetString()!, CountOf(nameof(Next)), CountOf(nameof(Again)), CountOf(nameof(Early)));

        // What is zero is not stored.
        int CountOf(string name) => value.TryGetProperty(name, out var count) ? count.GetInt32() : 0;
    }
}

/// <summary>Holds the effects that are stored against what was sent. A number that was sent twice is two messages, with two effects.</summary>
/// <param name="Effects">How many there are.</param>
/// <param name="Complaints">What must not be.</param>
internal sealed record EffectCheck(long Effects, IReadOnlyList<string> Complaints)
{
    /// <param name="stored">The stored state of each key.</param>
    /// <param name="sent">How many numbers of each key were sent.</param>
    /// <param name="messages">How many messages the brokers have of the topic.</param>
    public static EffectCheck Of(IReadOnlyList<StoredEffect> stored, IReadOnlyDictionary<(string Topic, string Key), int> sent, long messages)
    {
        var effects = stored.Sum(key => (long)key.Next + key.Again + key.Early);
        var complaints = new List<string>();
        foreach (var (key, count) in sent.Where(key => key.Key.Topic == RoundTopics.ByKey))
        {
            var next = stored.FirstOrDefault(state => state.Key == key.Key)?.Next ?? 0;
            if (next != count)
            {
                complaints.Add($"{key.Key}: {count} messages were sent, and {next} have had their effect");
            }
        }

        complaints.AddRange(stored.Where(state => state.Early > 0)
            .Select(state => $"{state.Key}: {state.Early} messages had their effect before an earlier one"));
        if (effects != messages)
        {
            complaints.Add($"the brokers have {messages} messages whose effect is kept, and there are {effects} effects");
        }

        return new(effects, complaints);
    }
}

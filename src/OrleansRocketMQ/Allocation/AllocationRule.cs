using System.Security.Cryptography;
using System.Text;
using Orleans;

namespace OrleansRocketMQ.Allocation.Agreement;

/// <summary>
/// How a member shares out the queues of its group: the strategy with all settings it goes by, so that another silo can do the
/// same. What only the host's own code knows is named by its class. Immutable.
/// </summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.AllocationRule")]
internal sealed record AllocationRule
{
    [NonSerialized]
    private string? _fingerprint;

    /// <summary>What every silo of every version can do, whatever it is set to.</summary>
    public static AllocationRule Fallback { get; } = new() { Strategy = "AVG" };

    [Id(0)]
    public required string Strategy { get; init; }

    /// <summary>The class of a strategy that the host brought; empty when it is one of this library.</summary>
    [Id(1)]
    public string StrategyClass { get; init; } = string.Empty;

    /// <summary>The class of a resolver of machine rooms that the host brought; empty when there is none.</summary>
    [Id(2)]
    public string ResolverClass { get; init; } = string.Empty;

    /// <summary>The rooms of MACHINE_ROOM.</summary>
    [Id(3)]
    public string RoomNames { get; init; } = string.Empty;

    /// <summary>The rooms of MACHINE_ROOM_NEARBY.</summary>
    [Id(4)]
    public IReadOnlyDictionary<string, string> Rooms { get; init; } = new Dictionary<string, string>();

    /// <summary>The lists of CONFIGURATION.</summary>
    [Id(5)]
    public IReadOnlyDictionary<string, IReadOnlyList<MessageQueue>> QueuesByMember { get; init; }
        = new Dictionary<string, IReadOnlyList<MessageQueue>>();

    /// <summary>Equal for rules that say the same.</summary>
    public string Fingerprint => _fingerprint ??= Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Text())))[..16];

    /// <summary>For people: the strategy, and something that differs when its settings do.</summary>
    public override string ToString() => HasSettings ? $"{Strategy} (settings {Fingerprint[..8]})" : Strategy;

    private bool HasSettings => RoomNames.Length > 0
        || Rooms.Count > 0
        || QueuesByMember.Count > 0
        || StrategyClass.Length > 0
        || ResolverClass.Length > 0;

    // Lengths before the parts: no part can be taken for another.
    private string Text()
    {
        var text = new StringBuilder();
        Add(Strategy);
        Add(StrategyClass);
        Add(ResolverClass);
        Add(RoomNames);
        foreach (var (room, prefixes) in Rooms.OrderBy(room => room.Key, StringComparer.Ordinal))
        {
            Add(room);
            Add(prefixes);
        }

        foreach (var (member, queues) in QueuesByMember.OrderBy(member => member.Key, StringComparer.Ordinal))
        {
            Add(member);
            foreach (var queue in queues.Order())
            {
                Add($"{queue}");
            }
        }

        return text.ToString();

        void Add(string part) => text.Append(part.Length).Append(':').Append(part);
    }
}

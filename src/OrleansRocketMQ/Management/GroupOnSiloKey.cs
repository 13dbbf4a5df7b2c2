using Orleans.Runtime;

namespace OrleansRocketMQ.Management;

/// <summary>The keys of grains that have a group on one silo: <c>group@silo</c>.</summary>
internal static class GroupOnSiloKey
{
    /// <summary>Groups cannot hold an at sign.</summary>
    public static string Of(string group, SiloAddress silo) => $"{group}@{silo.ToParsableString()}";

    /// <summary>The group of such a key.</summary>
    public static string GroupOf(string key) => key[..key.IndexOf('@', StringComparison.Ordinal)];
}

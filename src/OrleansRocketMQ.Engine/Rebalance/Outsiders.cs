namespace OrleansRocketMQ.Engine.Rebalance;

/// <summary>
/// Members of a group that are not of this cluster. Brokers list a member that has died without a word for 120 s and look every 10 s
/// (<c>ClientHousekeepingService</c>), and after a restart of the whole cluster nobody knows it: so only who is listed for longer
/// is one. One caller at a time notes; anybody may read.
/// </summary>
internal sealed class Outsiders(TimeProvider time)
{
    /// <summary>How long a member must be listed.</summary>
    public static readonly TimeSpan LongerThanTheDead = TimeSpan.FromSeconds(150);

    // Since when each is listed that the cluster does not know.
    private readonly Dictionary<string, long> _since = new(StringComparer.Ordinal);
    private volatile IReadOnlyList<string> _all = [];

    /// <summary>Their client ids, in order.</summary>
    public IReadOnlyList<string> All => _all;

    /// <summary>Takes in what brokers list now.</summary>
    /// <param name="clientIds">The members that the cluster does not know.</param>
    /// <returns>Those of whom it is clear now for the first time.</returns>
    public IReadOnlyList<string> Note(IReadOnlySet<string> clientIds)
    {
        foreach (var gone in _since.Keys.Where(clientId => !clientIds.Contains(clientId)).ToArray())
        {
            _since.Remove(gone);
        }

        foreach (var clientId in clientIds)
        {
            _since.TryAdd(clientId, time.GetTimestamp());
        }

        var before = _all;
        _all = [.. _since.Where(member => time.GetElapsedTime(member.Value) >= LongerThanTheDead)
            .Select(member => member.Key)
            .Order(StringComparer.Ordinal)];
        return [.. _all.Except(before)];
    }
}

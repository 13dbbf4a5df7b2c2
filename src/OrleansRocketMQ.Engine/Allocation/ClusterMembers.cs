namespace OrleansRocketMQ.Engine.Allocation;

/// <summary>The members of a group that are of this cluster, by client id. Immutable.</summary>
/// <param name="Live">Those that take part.</param>
/// <param name="Dead">Those that do not any more, although a broker may still list them.</param>
internal sealed record ClusterMembers(IReadOnlySet<string> Live, IReadOnlySet<string> Dead)
{
    public static ClusterMembers None { get; } = new(new HashSet<string>(), new HashSet<string>());

    /// <summary>Whether it is, or was, a member of this cluster.</summary>
    public bool Knows(string clientId) => Live.Contains(clientId) || Dead.Contains(clientId);
}

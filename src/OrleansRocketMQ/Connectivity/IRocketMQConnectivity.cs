namespace OrleansRocketMQ.Connectivity;

/// <summary>
/// Tries whether the consumers of a silo would get what they need: name servers, routes, brokers, permission. For
/// a look before a start; consumers neither need it nor notice it, and no group is joined. A service of a host whose silo
/// has <c>AddRocketMQ()</c>; the silo need not be started. Thread-safe.
/// </summary>
public interface IRocketMQConnectivity
{
    /// <summary>
    /// Asks every name server, for every topic, every broker of it and every group's permission; takes a few seconds when
    /// servers are away.
    /// </summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>What was found, in the order it was looked at.</returns>
    Task<IReadOnlyList<ConnectivityFinding>> CheckAsync(CancellationToken cancellationToken = default);
}

/// <summary>What a finding is about.</summary>
public enum ConnectivitySubject
{
    /// <summary>Whether a name server answers.</summary>
    NameServer = 0,

    /// <summary>Whether a topic exists and has queues.</summary>
    Topic = 1,

    /// <summary>Whether a broker answers.</summary>
    Broker = 2,

    /// <summary>Whether a broker lets a group read a topic by its subscription.</summary>
    Access = 3,
}

/// <summary>One thing that was tried.</summary>
/// <param name="Subject">What it is about.</param>
/// <param name="IsOk">Whether it is as it should be.</param>
/// <param name="Text">What was found, in words; with what to do when it is not as it should be.</param>
public sealed record ConnectivityFinding(ConnectivitySubject Subject, bool IsOk, string Text);

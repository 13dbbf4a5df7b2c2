namespace OrleansRocketMQ.Chaos.World;

/// <summary>What is wrong with connections.</summary>
internal enum Harm
{
    /// <summary>Connections are reset, and new ones refused, as a firewall does that rejects.</summary>
    Cut,

    /// <summary>Bytes are taken and come out never: one end has forgotten the connection. It does not get well.</summary>
    HalfDead,

    /// <summary>Packets are dropped: bytes wait, connections stay and new ones say nothing. What waits goes on at the end, as TCP sends it again.</summary>
    Silent,

    /// <summary>Bytes are late, all by the same time.</summary>
    Slow,

    /// <summary>Bytes are late by any time up to that, and now and then a connection is reset: what packet loss makes of TCP.</summary>
    Flaky,
}

/// <summary>Bytes of a connection that go one way.</summary>
/// <param name="Process">Whose connection it is.</param>
/// <param name="Port">Where it leads.</param>
/// <param name="IsOutward">Whether these are its own bytes, and not what is answered.</param>
internal readonly record struct Flow(int Process, int Port, bool IsOutward);

/// <summary>What is wrong for a while.</summary>
/// <param name="Harm">What.</param>
/// <param name="Hits">With which bytes; a connection is cut when its own are hit.</param>
/// <param name="Late">How late they are.</param>
internal sealed record Disturbance(Harm Harm, Func<Flow, bool> Hits, TimeSpan Late = default);

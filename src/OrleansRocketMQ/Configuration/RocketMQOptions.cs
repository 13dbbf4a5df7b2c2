namespace OrleansRocketMQ.Configuration;

/// <summary>What all consumers of a silo share. Bound from the section <c>RocketMQ</c>.</summary>
public sealed class RocketMQOptions
{
    /// <summary>The name of the configuration section.</summary>
    public const string SectionName = "RocketMQ";

    /// <summary>Name servers: <c>host:port</c>, several separated by <c>;</c>. Required.</summary>
    public string? NameServer { get; set; }

    /// <summary>How often routes are read again. Default 30 s.</summary>
    public TimeSpan PollNameServerInterval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How often every broker is told that this silo lives; a broker forgets it after 120 s. Default 30 s.</summary>
    public TimeSpan HeartbeatInterval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether heartbeats leave out subscriptions that brokers know already. Default false (<c>useHeartbeatV2</c>).</summary>
    public bool UseHeartbeatV2 { get; set; }

    /// <summary>How long a request to a name server or broker may take, pulls excepted. Default 3 s.</summary>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>How often the allocation is checked even when nothing seems to have changed. Default 20 s.</summary>
    public TimeSpan RebalanceInterval { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>Whether a message whose body does not match its checksum counts as unreadable. Default false, as in Java (<c>checkCRC</c>).</summary>
    public bool CheckCrc { get; set; }

    /// <summary>
    /// At shutdown, how long listeners may take to finish what they have begun before their token fires. Default 10 s;
    /// must be below Orleans' <c>DeactivationTimeout</c> (30 s) and the host's shutdown time-out (30 s).
    /// </summary>
    public TimeSpan ShutdownTimeout { get; set; } = TimeSpan.FromSeconds(10);
}

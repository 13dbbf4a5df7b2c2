namespace OrleansRocketMQ.Engine.Dispatch;

/// <summary>How long dispatchers wait for listeners.</summary>
internal static class ListenerTimes
{
    /// <summary>
    /// The listener's side ends a call that takes too long. This much later the dispatcher does without it: the listener holds
    /// the thread its grain needs for that, or its silo does not answer.
    /// </summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(3);

    /// <summary>
    /// After how long, and how often then, a listener that is elsewhere is asked what has become of a call. A call or an answer that a
    /// broken connection has swallowed holds up its key, slot or queue for as long, twice at most.
    /// </summary>
    public static readonly TimeSpan AskAfter = TimeSpan.FromSeconds(5);

    /// <summary>How long to wait before a listener that moves is asked again where it is.</summary>
    public static readonly TimeSpan AskAgainAfter = TimeSpan.FromMilliseconds(50);

    /// <summary>How long to wait before a listener that can take nothing just now is asked again.</summary>
    public static readonly TimeSpan AskHeldAfter = TimeSpan.FromSeconds(1);

    /// <summary>Java's client waits as long before it gives a message to the listener again that the broker did not take back.</summary>
    public static readonly TimeSpan RetryHereAfter = TimeSpan.FromSeconds(5);
}

namespace OrleansRocketMQ.Configuration;

/// <summary>Where a group begins on a queue for which the broker has no offset of it. Mirrors <c>ConsumeFromWhere</c>.</summary>
public enum ConsumeFromWhere
{
    /// <summary>
    /// At the end: only what is sent from now on. On a young queue, whose first message is still in memory, the broker
    /// says 0 by a rule of its own, and the group begins there.
    /// </summary>
    LastOffset = 0,

    /// <summary>At the oldest message the broker still has.</summary>
    FirstOffset = 1,

    /// <summary>At the first message stored at or after <see cref="ConsumerOptions.ConsumeTimestamp"/>.</summary>
    Timestamp = 2,

    /// <summary>At the oldest message the broker still has, which it is asked for. %RETRY% from 0, as ever.</summary>
    MinOffset = 3,

    /// <summary>As <see cref="LastOffset"/>; the old name RocketMQ maps to it.</summary>
    MaxOffset = 4,
}

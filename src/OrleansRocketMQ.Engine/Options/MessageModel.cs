namespace OrleansRocketMQ.Configuration;

/// <summary>Who gets a message of a group. Mirrors <c>MessageModel</c>.</summary>
public enum MessageModel
{
    /// <summary>One member: the members share the queues. Progress is kept at the brokers.</summary>
    Clustering = 0,

    /// <summary>
    /// Every member. Each silo keeps its own progress in grain storage, under its name, which must not change from start to
    /// start. What fails is logged and counted, and does not come again.
    /// </summary>
    Broadcasting = 1,
}

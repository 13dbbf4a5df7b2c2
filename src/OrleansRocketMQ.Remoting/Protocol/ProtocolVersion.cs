namespace OrleansRocketMQ.Protocol;

/// <summary>
/// Ordinals of <c>org.apache.rocketmq.common.MQVersion</c> that change behaviour on either side.
/// </summary>
public static class ProtocolVersion
{
    /// <summary>V4_9_4: from here on the name server writes routes as standard JSON.</summary>
    public const int StandardJsonRoutes = 401;

    /// <summary>V5_0_0: from here on brokers hold messages back to an exact time.</summary>
    public const int TimerMessages = 413;

    /// <summary>V5_3_3: the protocol level this client speaks and announces in every frame.</summary>
    public const int Current = 479;
}

namespace OrleansRocketMQ.Effects;

/// <summary>What a handler says of a message instead of applying it.</summary>
internal static class Outcomes
{
    /// <summary>A message that is rejected, or to come again later, has no effect: what its handler did to the state is undone.</summary>
    /// <exception cref="RocketMQException">Something was said of the message.</exception>
    public static void Check(MessageOutcome? said)
    {
        if (said is not null)
        {
            throw new RocketMQException(
                RocketMQErrorCode.State, "The handler has rejected the message or put it off; nothing of its call is stored.");
        }
    }
}

namespace OrleansRocketMQ;

/// <summary>What listeners of values say of single messages.</summary>
public static class TypedOutcomes
{
    /// <inheritdoc cref="ConsumeContext.Reject"/>
    /// <param name="context">The context of the batch.</param>
    /// <param name="message">A message of the batch.</param>
    /// <param name="reason">Why, for whoever finds the letter; its first 1,024 characters are kept.</param>
    public static void Reject<T>(this ConsumeContext context, Message<T> message, string reason)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.Reject(message.Raw, reason);
    }

    /// <inheritdoc cref="ConsumeContext.RetryAfter"/>
    /// <param name="context">The context of the batch.</param>
    /// <param name="message">A message of the batch.</param>
    /// <param name="time">The time, from the end of the call.</param>
    public static void RetryAfter<T>(this ConsumeContext context, Message<T> message, TimeSpan time)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.RetryAfter(message.Raw, time);
    }

    /// <inheritdoc cref="ConsumeOrderlyContext.Reject"/>
    /// <param name="context">The context of the batch.</param>
    /// <param name="message">A message of the batch.</param>
    /// <param name="reason">Why, for whoever finds the letter; its first 1,024 characters are kept.</param>
    public static void Reject<T>(this ConsumeOrderlyContext context, Message<T> message, string reason)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.Reject(message.Raw, reason);
    }

    /// <inheritdoc cref="ConsumeOrderlyContext.RetryAfter"/>
    /// <param name="context">The context of the batch.</param>
    /// <param name="message">A message of the batch.</param>
    /// <param name="time">The time, from the end of the call.</param>
    public static void RetryAfter<T>(this ConsumeOrderlyContext context, Message<T> message, TimeSpan time)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.RetryAfter(message.Raw, time);
    }
}

namespace OrleansRocketMQ.Configuration;

/// <summary>
/// What becomes of a message that typed listeners and handlers cannot be given: its body is no value of the type, or no type
/// is known for it. Each is logged and counted, whatever is done with it.
/// </summary>
public enum UnreadableHandling
{
    /// <summary>It goes to the dead letters at once, with the reason in <c>MessageProperties.DeadLetterReason</c>.</summary>
    DeadLetter = 0,

    /// <summary>
    /// It counts as failed: it comes again as often as any message that fails, for when a program that can read it is on its
    /// way. In order it holds up its queue or key meanwhile.
    /// </summary>
    Retry = 1,

    /// <summary>It counts as consumed.</summary>
    Skip = 2,
}

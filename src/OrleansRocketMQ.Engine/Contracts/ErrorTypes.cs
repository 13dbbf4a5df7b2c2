namespace OrleansRocketMQ.Engine.Contracts;

/// <summary>Values of <c>error.type</c> for failures that are no exceptions; of an exception it is the class's full name.</summary>
internal static class ErrorTypes
{
    /// <summary>The listener had the messages for too long.</summary>
    public const string Timeout = "timeout";

    /// <summary>The listener said that it wants them again.</summary>
    public const string ReconsumeLater = "reconsume_later";

    /// <summary>The listener said when it wants this message again.</summary>
    public const string RetryAfter = "retry_after";

    /// <summary>The listener said that this message is to be a dead letter.</summary>
    public const string Rejected = "rejected";

    /// <summary>A listener in order said so.</summary>
    public const string SuspendCurrentQueue = "suspend_current_queue";

    /// <summary>A listener in order wants everything since its last commit again.</summary>
    public const string Rollback = "rollback";

    /// <summary>The body could not be read, so no listener saw it.</summary>
    public const string Unreadable = "unreadable_body";

    /// <summary>What the conventions have for anything else.</summary>
    public const string Other = "_OTHER";
}

namespace OrleansRocketMQ;

/// <summary>What became of a batch that was consumed in order. Mirrors <c>ConsumeOrderlyStatus</c>.</summary>
public enum ConsumeOrderlyResult
{
    /// <summary>The batch is done; the queue goes on. Without auto-commit its offset waits for <see cref="Commit"/>.</summary>
    Success = 0,

    /// <summary>The batch comes again after a pause in which nothing else of its queue is consumed.</summary>
    SuspendCurrentQueue = 1,

    /// <summary>
    /// Without auto-commit: the batch and all before it are done and may be committed. With it: as <see cref="Success"/>.
    /// </summary>
    Commit = 2,

    /// <summary>
    /// Without auto-commit: the batch and all before it that are not committed come again after a pause. With auto-commit:
    /// as <see cref="Success"/>.
    /// </summary>
    Rollback = 3,
}

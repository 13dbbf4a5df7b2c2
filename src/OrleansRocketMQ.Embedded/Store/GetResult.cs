namespace OrleansRocketMQ.Embedded.Store;

/// <summary>What looking for messages came to; the names are the remarks of pull answers. Mirrors <c>GetMessageStatus</c>.</summary>
internal enum GetStatus
{
    Found,
    NoMatchedMessage,
    MessageWasRemoving,
    OffsetOverflowBadly,
    OffsetOverflowOne,
    OffsetTooSmall,
    NoMessageInQueue,
    OffsetReset,
}

/// <summary>Messages of a queue, as slices of the store.</summary>
internal sealed class GetResult(GetStatus status, long nextOffset, long minOffset, long maxOffset)
{
    public GetStatus Status { get; } = status;

    public long NextOffset { get; } = nextOffset;

    public long MinOffset { get; } = minOffset;

    public long MaxOffset { get; } = maxOffset;

    /// <summary>The messages' bytes; neighbours in the commit log share a slice.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Parts { get; init; } = [];

    /// <summary>How many bytes before the end of the commit log the last message lies that was looked at; 0 when none was.</summary>
    public long Behind { get; init; }

    public string Remark => Status switch
    {
        GetStatus.Found => "FOUND",
        GetStatus.NoMatchedMessage => "NO_MATCHED_MESSAGE",
        GetStatus.MessageWasRemoving => "MESSAGE_WAS_REMOVING",
        GetStatus.OffsetOverflowBadly => "OFFSET_OVERFLOW_BADLY",
        GetStatus.OffsetOverflowOne => "OFFSET_OVERFLOW_ONE",
        GetStatus.OffsetTooSmall => "OFFSET_TOO_SMALL",
        GetStatus.NoMessageInQueue => "NO_MESSAGE_IN_QUEUE",
        _ => "OFFSET_RESET",
    };
}

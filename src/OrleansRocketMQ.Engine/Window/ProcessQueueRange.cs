namespace OrleansRocketMQ.Engine.Window;

/// <summary>Consecutive messages of a <see cref="ProcessQueue"/>, leased or set aside.</summary>
/// <param name="Window">The window they belong to.</param>
/// <param name="Place">The slot of the first message in the window.</param>
/// <param name="Messages">The messages, in order.</param>
internal readonly record struct ProcessQueueRange(ProcessQueue Window, long Place, ArraySegment<MessageExt> Messages)
{
    public bool IsEmpty => Messages.Count == 0;

    /// <summary>A part of the range.</summary>
    public ProcessQueueRange Slice(int start, int count) => new(Window, Place + start, Messages.Slice(start, count));

    /// <summary>
    /// The same messages in an array of their own. What stays for long must not keep those in memory that were handed out with
    /// it: they are done, and are not charged any more.
    /// </summary>
    public ProcessQueueRange Alone()
        => IsEmpty || Messages.Count == Messages.Array!.Length ? this : this with { Messages = Messages.ToArray() };

    /// <summary>
    /// The same messages in memory of their own, if they are leased: what sends or keeps them may be at it for longer than the
    /// window has them.
    /// </summary>
    public ProcessQueueRange Owned()
        => Messages.All(static message => message.Pooled is null)
            ? this
            : this with { Messages = Messages.Select(static message => message.Owned()).ToArray() };

    /// <summary>Ends the leases: the messages are done.</summary>
    public void Complete() => Window.Complete(this);
}

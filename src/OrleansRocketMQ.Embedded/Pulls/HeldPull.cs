using OrleansRocketMQ.Embedded.Filtering;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Store;

namespace OrleansRocketMQ.Embedded.Pulls;

/// <summary>A pull that found nothing and waits for messages.</summary>
internal sealed class HeldPull(ClientPeer peer, TopicQueue queue, long offset, MessageFilter filter, long heldAt, TimeSpan limit)
{
    private readonly TaskCompletionSource<bool> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ClientPeer Peer { get; } = peer;

    public TopicQueue Queue { get; } = queue;

    public long Offset { get; } = offset;

    public MessageFilter Filter { get; } = filter;

    public long HeldAt { get; } = heldAt;

    public TimeSpan Limit { get; } = limit;

    /// <summary>When the queue was last looked at whatever the filter says.</summary>
    public long CheckedAt { get; set; } = heldAt;

    /// <summary>True: look again and answer. False: nobody wants the answer any more.</summary>
    public Task<bool> Ended => _ended.Task;

    public void Wake() => _ended.TrySetResult(true);

    public void Drop() => _ended.TrySetResult(false);
}

using OrleansRocketMQ.Embedded.Filtering;
using OrleansRocketMQ.Embedded.Serving;

namespace OrleansRocketMQ.Embedded.Pops;

/// <summary>A pop, or a question for messages, that found nothing and waits. Mirrors <c>PopRequest</c>.</summary>
/// <param name="peer">Who waits.</param>
/// <param name="group">For which group.</param>
/// <param name="queueId">For messages of which queue; below 0: of any.</param>
/// <param name="filter">Which messages; null: all.</param>
/// <param name="expires">Until when, milliseconds since 1970 UTC.</param>
internal sealed class HeldPoll(ClientPeer peer, string group, int queueId, MessageFilter? filter, long expires)
{
    private readonly TaskCompletionSource<bool> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ClientPeer Peer { get; } = peer;

    public string Group { get; } = group;

    public int QueueId { get; } = Math.Max(-1, queueId);

    public MessageFilter? Filter { get; } = filter;

    public long Expires { get; } = expires;

    /// <summary>True: look again and answer. False: nobody wants the answer any more.</summary>
    public Task<bool> Ended => _ended.Task;

    public void Wake() => _ended.TrySetResult(true);

    public void Drop() => _ended.TrySetResult(false);
}

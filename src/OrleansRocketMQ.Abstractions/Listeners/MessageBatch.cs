using System.Collections;
using Orleans;

namespace OrleansRocketMQ;

/// <summary>Messages of one queue, in order. Immutable; a view on messages that are shared, not copied.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.MessageBatch")]
public readonly struct MessageBatch : IReadOnlyList<MessageExt>
{
    [Id(0)]
    private readonly ArraySegment<MessageExt> _messages;

    /// <summary>A batch of the given messages.</summary>
    public MessageBatch(params MessageExt[] messages)
        : this(new ArraySegment<MessageExt>(messages))
    {
    }

    internal MessageBatch(ArraySegment<MessageExt> messages) => _messages = messages;

    /// <summary>How many messages there are; at least one in a call to a listener.</summary>
    public int Count => _messages.Count;

    /// <summary>The message at a place.</summary>
    public MessageExt this[int index] => _messages[index];

    /// <summary>Walks over the messages without allocating.</summary>
    public ArraySegment<MessageExt>.Enumerator GetEnumerator() => _messages.GetEnumerator();

    IEnumerator<MessageExt> IEnumerable<MessageExt>.GetEnumerator() => ((IEnumerable<MessageExt>)_messages).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => ((IEnumerable)_messages).GetEnumerator();
}

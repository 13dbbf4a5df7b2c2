using System.Collections;

namespace OrleansRocketMQ;

/// <summary>Messages of one queue that hold values of one type, in order. Immutable.</summary>
/// <typeparam name="T">The values' type.</typeparam>
public readonly struct MessageBatch<T> : IReadOnlyList<Message<T>>
{
    private readonly ArraySegment<Message<T>> _messages;

    /// <summary>A batch of the given messages.</summary>
    public MessageBatch(params Message<T>[] messages)
        : this(new ArraySegment<Message<T>>(messages))
    {
    }

    internal MessageBatch(ArraySegment<Message<T>> messages) => _messages = messages;

    /// <summary>How many messages there are; at least one in a call to a listener.</summary>
    public int Count => _messages.Count;

    /// <summary>The message at a place.</summary>
    public Message<T> this[int index] => _messages[index];

    /// <summary>Walks over the messages without allocating.</summary>
    public ArraySegment<Message<T>>.Enumerator GetEnumerator() => _messages.GetEnumerator();

    IEnumerator<Message<T>> IEnumerable<Message<T>>.GetEnumerator() => ((IEnumerable<Message<T>>)_messages).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => ((IEnumerable)_messages).GetEnumerator();
}

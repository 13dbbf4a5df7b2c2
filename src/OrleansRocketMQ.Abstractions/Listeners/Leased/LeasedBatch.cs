using System.Collections;
using Orleans;

namespace OrleansRocketMQ;

/// <summary>
/// Messages of one queue, in order, that may be read until the call they were given to has ended. A view; costs no memory.
/// </summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.LeasedBatch")]
public readonly struct LeasedBatch : IReadOnlyList<LeasedMessage>
{
    [Id(0)]
    private readonly ArraySegment<MessageExt> _messages;

    // Between silos copies travel, which stay.
    [NonSerialized]
    private readonly LeaseScope? _scope;

    [NonSerialized]
    private readonly long _call;

    /// <summary>A batch of the given messages, which may be read for ever; for tests.</summary>
    public LeasedBatch(params MessageExt[] messages)
        : this(new ArraySegment<MessageExt>(messages), scope: null)
    {
    }

    internal LeasedBatch(ArraySegment<MessageExt> messages, LeaseScope? scope)
        => (_messages, _scope, _call) = (messages, scope, scope?.Begin() ?? 0);

    /// <summary>How many messages there are; at least one in a call to a listener.</summary>
    public int Count => _messages.Count;

    /// <summary>The message at a place.</summary>
    public LeasedMessage this[int index] => new(_messages[index], _scope, _call);

    /// <summary>Walks over the messages without allocating.</summary>
    public Enumerator GetEnumerator() => new(this);

    IEnumerator<LeasedMessage> IEnumerable<LeasedMessage>.GetEnumerator() => GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Walks over the messages of a batch.</summary>
    public struct Enumerator : IEnumerator<LeasedMessage>
    {
        private readonly LeasedBatch _batch;
        private int _index = -1;

        internal Enumerator(LeasedBatch batch) => _batch = batch;

        /// <inheritdoc/>
        public readonly LeasedMessage Current => _batch[_index];

        readonly object IEnumerator.Current => Current;

        /// <inheritdoc/>
        public bool MoveNext() => ++_index < _batch.Count;

        /// <inheritdoc/>
        public void Reset() => _index = -1;

        /// <inheritdoc/>
        public readonly void Dispose()
        {
        }
    }
}

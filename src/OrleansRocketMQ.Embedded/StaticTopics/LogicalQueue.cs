namespace OrleansRocketMQ.Embedded.StaticTopics;

/// <summary>
/// A logical queue as one broker knows it. Mirrors <c>TopicQueueMappingContext</c> and parts of <c>TopicQueueMappingUtils</c>.
/// </summary>
internal sealed class LogicalQueue(QueueMapping mapping, int id)
{
    private readonly IReadOnlyList<MappingItem> _items = mapping.HostedQueues.GetValueOrDefault(id) ?? [];

    public QueueMapping Mapping { get; } = mapping;

    public int Id { get; } = id;

    /// <summary>Its pieces, oldest first.</summary>
    public IReadOnlyList<MappingItem> Items => _items;

    /// <summary>Whether this broker leads it.</summary>
    public bool IsLedHere => _items is [.., var leader] && IsHere(leader);

    /// <summary>The piece that is written to.</summary>
    public MappingItem Leader => _items[^1];

    /// <summary>Whether a piece is on this broker.</summary>
    public bool IsHere(MappingItem item) => item.Bname == Mapping.Bname;

    /// <summary>
    /// The piece that has an offset: the last one that begins before it, else the first. One that is not decided is left out.
    /// </summary>
    public MappingItem At(long offset)
        => _items.LastOrDefault(item => item.LogicOffset >= 0 && offset >= item.LogicOffset)
            ?? _items.First(item => item.LogicOffset >= 0);

    /// <summary>The piece behind another; null when there is none, or none that is decided.</summary>
    public MappingItem? After(MappingItem item)
        => _items.FirstOrDefault(next => next.Gen > item.Gen) is { LogicOffset: >= 0 } next ? next : null;
}

namespace OrleansRocketMQ.Embedded.Filtering;

/// <summary>Selects by the hashes of tags, as brokers do; clients look at the tags themselves again.</summary>
internal sealed class TagFilter : MessageFilter
{
    private readonly HashSet<int> _hashes;

    private TagFilter(IEnumerable<int> hashes) => _hashes = [.. hashes];

    /// <summary>The filter of an expression, or one that lets everything through.</summary>
    public static MessageFilter Of(string? expression, IEnumerable<int>? hashes)
        => expression == MessageSelector.AllTags ? AllMessages.Instance : new TagFilter(hashes ?? []);

    public override bool MayMatch(int tagHash) => _hashes.Contains(tagHash);
}

/// <summary>Selects every message.</summary>
internal sealed class AllMessages : MessageFilter
{
    private AllMessages()
    {
    }

    public static AllMessages Instance { get; } = new();

    public override bool MayMatch(int tagHash) => true;
}

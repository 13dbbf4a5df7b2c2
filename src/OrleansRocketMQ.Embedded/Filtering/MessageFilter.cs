namespace OrleansRocketMQ.Embedded.Filtering;

/// <summary>Decides which messages a subscription gets; first by the tag's hash alone, then by the message.</summary>
internal abstract class MessageFilter
{
    /// <summary>Whether <see cref="Matches"/> has to be asked at all.</summary>
    public virtual bool NeedsMessage => false;

    public abstract bool MayMatch(int tagHash);

    public virtual bool Matches(ReadOnlySpan<byte> storedProperties) => true;
}

namespace OrleansRocketMQ.Clients;

/// <summary>What a pull brought. Mirrors <c>PullStatus</c>.</summary>
public enum PullStatus
{
    /// <summary>Messages.</summary>
    Found = 0,

    /// <summary>Nothing, as the queue holds nothing from the offset on yet.</summary>
    NoNewMessage = 1,

    /// <summary>Nothing, as what the queue holds there is not subscribed to; go on from the next offset.</summary>
    NoMatchedMessage = 2,

    /// <summary>The offset is outside of the queue, or was reset at the broker; go on from the next offset.</summary>
    OffsetIllegal = 3,
}

/// <summary>The answer to a <see cref="PullRequest"/>. Mirrors <c>PullResultExt</c>.</summary>
/// <param name="Status">What the pull brought.</param>
/// <param name="NextBeginOffset">Where to go on.</param>
/// <param name="MinOffset">The queue's first position.</param>
/// <param name="MaxOffset">The position behind the queue's last message.</param>
/// <param name="SuggestedBrokerId">The member of the broker set to ask next time; 0 is the master.</param>
/// <param name="Records">The messages, encoded one after the other; empty unless found.</param>
public readonly record struct PullResult(
    PullStatus Status,
    long NextBeginOffset,
    long MinOffset,
    long MaxOffset,
    long SuggestedBrokerId,
    ReadOnlyMemory<byte> Records)
{
    /// <summary>
    /// How much further offsets in a logical queue are than where its messages are stored; 0 for other queues. Already part of
    /// what <see cref="Records"/> says.
    /// </summary>
    internal long OffsetDelta { get; init; }

    /// <summary>Decodes the messages.</summary>
    /// <param name="into">Gets them; those before a broken one are added.</param>
    /// <param name="brokerName">The broker set they came from.</param>
    /// <param name="options">Null means <see cref="MessageDecoderOptions.Default"/>.</param>
    /// <returns>
    /// Where to go on when bodies decompressed to so much that the rest is left for another pull; null: at <see cref="NextBeginOffset"/>.
    /// </returns>
    /// <exception cref="MessageFormatException">A message's layout is broken.</exception>
    public long? Decode(ICollection<MessageExt> into, string brokerName, MessageDecoderOptions? options = null)
        => MessageDecoder.DecodeWithin(MessageDecoder.DecompressedBytesPerPull, Records, brokerName, into, options);

    /// <summary>Whether a pull from an offset was told of a reset, which the broker then tells nobody else.</summary>
    internal bool IsResetOf(long asked) => Status == PullStatus.OffsetIllegal && asked >= MinOffset && asked < MaxOffset;

    /// <inheritdoc/>
    public override string ToString()
        => string.Create(
            System.Globalization.CultureInfo.InvariantCulture,
            $"{Status}, next {NextBeginOffset} of {MinOffset}..{MaxOffset}, {Records.Length} bytes");
}

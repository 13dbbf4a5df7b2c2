using System.Globalization;

namespace OrleansRocketMQ.Clients;

/// <summary>What a pop brought. Mirrors <c>PopStatus</c>.</summary>
public enum PopStatus
{
    /// <summary>Messages.</summary>
    Found = 0,

    /// <summary>Nothing, for as long as the request could wait.</summary>
    NotFound = 1,

    /// <summary>Nothing, and the broker holds so many requests that it holds no more: ask again later.</summary>
    PollingFull = 2,
}

/// <summary>The answer to a <see cref="PopRequest"/>. Mirrors <c>PopResult</c>.</summary>
/// <param name="Status">What the pop brought.</param>
/// <param name="PopTime">When the messages were popped by the broker's clock, milliseconds since 1970 UTC.</param>
/// <param name="InvisibleTime">For how long from then on nobody else gets them.</param>
/// <param name="ReviveQueueId">Where the broker keeps their checkpoints.</param>
/// <param name="RestCount">How many messages the broker still had for the group in the queues looked at, about.</param>
/// <param name="Records">The messages, encoded one after the other; empty unless found.</param>
public readonly record struct PopResult(
    PopStatus Status,
    long PopTime,
    TimeSpan InvisibleTime,
    int ReviveQueueId,
    long RestCount,
    ReadOnlyMemory<byte> Records)
{
    /// <summary>The topic asked for, which the messages have wherever they come from.</summary>
    internal string Topic { get; init; } = string.Empty;

    internal string BrokerName { get; init; } = string.Empty;

    internal PopOffsets? Offsets { get; init; }

    /// <summary>
    /// Decodes the messages. Each has its <see cref="MessageExt.ReceiptHandle"/>, the topic asked for, and, popped in order, the
    /// number of times it was popped before as its <see cref="MessageExt.ReconsumeTimes"/>.
    /// </summary>
    /// <param name="options">Null means <see cref="MessageDecoderOptions.Default"/>.</param>
    /// <exception cref="MessageFormatException">
    /// A message's layout is broken, or the answer does not tell of it. All of them come again when their invisible time is over.
    /// </exception>
    public IReadOnlyList<MessageExt> Decode(MessageDecoderOptions? options = null)
        => new PoppedMessages(this).Of(MessageDecoder.DecodeAll(Records, BrokerName, options));

    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Status} at {PopTime}, {RestCount} left, {Records.Length} bytes");
}

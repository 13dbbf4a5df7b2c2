using Orleans;

namespace OrleansRocketMQ;

/// <summary>
/// The parked messages of a consumer group; the grain's key is the group. Parked is what a listener has failed on and no
/// broker has taken: neither back, nor as a copy, nor as a dead letter. Its offset counts as done, so that it holds up
/// nobody; who it is and why stays here, in the grain storage named <c>RocketMQ</c>, until it is sent again or dropped. The
/// message itself lies in its queue at the broker, as long as that keeps it.
/// </summary>
/// <remarks>
/// Works from any silo with RocketMQ and from Orleans clients, also while the group is stopped. Every action is logged with
/// who asked for it. Has no counterpart in RocketMQ.
/// </remarks>
[Alias("OrleansRocketMQ.IParkedMessageGrain")]
public interface IParkedMessageGrain : IGrainWithStringKey
{
    /// <summary>Lists parked messages in the order in which they were parked.</summary>
    /// <param name="from">The least number; <see cref="ParkedMessagePage.Next"/> of the page before, or 0.</param>
    /// <param name="limit">The most entries, 1 to 1000.</param>
    /// <exception cref="RocketMQValidationException">The limit is out of range.</exception>
    [Alias("List")]
    Task<ParkedMessagePage> ListAsync(long from = 0, int limit = 32);

    /// <summary>Reads one with its body from its broker. Nothing changes.</summary>
    /// <param name="number">Its number.</param>
    /// <returns>Null when there is none of that number, or the broker does not have it any more.</returns>
    /// <exception cref="ConsumerStateException">The group is not configured on any silo of the cluster.</exception>
    /// <exception cref="RocketMQException">The broker cannot be reached or refuses.</exception>
    [Alias("Peek")]
    Task<MessageExt?> PeekAsync(long number);

    /// <summary>
    /// Sends one, or all, again to the original topic, with body and properties as they are stored. What was sent is
    /// parked no more; what could not be sent stays, and the result says why. At least once: after a crash in between
    /// a message may be sent again.
    /// </summary>
    /// <param name="number">Which; null: all there are now.</param>
    /// <param name="requestedBy">Who wants it, for the log.</param>
    /// <exception cref="ConsumerStateException">The group is not configured on any silo of the cluster.</exception>
    [ResponseTimeout("00:05:00")]
    [Alias("Resend")]
    Task<ParkedMessageResend> ResendAsync(long? number, string requestedBy);

    /// <summary>Drops one, or all: they are listed no more. Their queues keep them until the broker's retention takes them.</summary>
    /// <param name="number">Which; null: all there are now.</param>
    /// <param name="requestedBy">Who wants it, for the log.</param>
    /// <returns>How many were dropped.</returns>
    [Alias("Drop")]
    Task<int> DropAsync(long? number, string requestedBy);
}

/// <summary>A message that no broker has taken.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.ParkedMessage")]
public sealed record ParkedMessage
{
    /// <summary>Its number among the parked messages of its group, never used again.</summary>
    [Id(0)]
    public long Number { get; init; }

    /// <summary>The queue it lies in: of its topic, or of the group's %RETRY% topic.</summary>
    [Id(1)]
    public required MessageQueue Queue { get; init; }

    /// <summary>Its offset there.</summary>
    [Id(2)]
    public required long Offset { get; init; }

    /// <summary>The id its producer gave.</summary>
    [Id(3)]
    public required string MessageId { get; init; }

    /// <summary>The topic it was first sent to.</summary>
    [Id(4)]
    public required string Topic { get; init; }

    /// <summary>Its keys.</summary>
    [Id(5)]
    public string? Keys { get; init; }

    /// <summary>Its tag.</summary>
    [Id(6)]
    public string? Tags { get; init; }

    /// <summary>How often the broker had brought it again before.</summary>
    [Id(7)]
    public int ReconsumeTimes { get; init; }

    /// <summary>When it was sent.</summary>
    [Id(8)]
    public DateTimeOffset Born { get; init; }

    /// <summary>When it was parked.</summary>
    [Id(9)]
    public DateTimeOffset Parked { get; init; }

    /// <summary>Bytes it takes in its queue.</summary>
    [Id(10)]
    public int StoreSize { get; init; }

    /// <summary>What the brokers said.</summary>
    [Id(11)]
    public required string Reason { get; init; }
}

/// <summary>Some of a group's parked messages.</summary>
/// <param name="Messages">The messages, by number.</param>
/// <param name="Next">Where the next page begins; null when there is none.</param>
/// <param name="Total">How many there are in all.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.ParkedMessagePage")]
public sealed record ParkedMessagePage(
    [property: Id(0)] IReadOnlyList<ParkedMessage> Messages, [property: Id(1)] long? Next, [property: Id(2)] int Total);

/// <summary>What came of sending parked messages again.</summary>
/// <param name="Sent">How many were sent.</param>
/// <param name="Failures">Those that stay parked, by number, each with its reason; the first hundred.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.ParkedMessageResend")]
public sealed record ParkedMessageResend(
    [property: Id(0)] int Sent, [property: Id(1)] IReadOnlyDictionary<long, string> Failures);

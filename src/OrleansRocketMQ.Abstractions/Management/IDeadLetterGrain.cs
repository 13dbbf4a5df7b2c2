using Orleans;

namespace OrleansRocketMQ;

/// <summary>
/// The dead letters of a consumer group, those in its topic %DLQ%group; the grain's key is the group. RocketMQ has no such
/// client, and deletes no single message: what has been handled here is what lies below a position kept at the
/// broker as the group's offset on %DLQ%group, and what was sent again above it. Works from any silo with RocketMQ and
/// from Orleans clients, also while the group is stopped. Every action is logged with who asked for it and how many messages it touched.
/// </summary>
/// <remarks>
/// All methods throw <see cref="ConsumerStateException"/> when no silo of the cluster has the group, and
/// <see cref="RocketMQException"/> when a broker cannot be reached or refuses, also when the topic's permission on it is
/// without reading, as brokers up to 4.9 make it: unknown is never told as none.
/// </remarks>
[Alias("OrleansRocketMQ.IDeadLetterGrain")]
public interface IDeadLetterGrain : IGrainWithStringKey
{
    /// <summary>Lists dead letters that have not been handled, in the order they were filed.</summary>
    /// <param name="from">Where to go on: <see cref="DeadLetterPage.Next"/> of the page before; null: the beginning.</param>
    /// <param name="limit">The most entries, 1 to 1000.</param>
    /// <exception cref="RocketMQValidationException">The limit is out of range.</exception>
    [Alias("List")]
    Task<DeadLetterPage> ListAsync(DeadLetterPosition? from = null, int limit = 32);

    /// <summary>
    /// Lists those that fit, in the order they were filed. All letters are read for that, as RocketMQ has no index of reasons.
    /// </summary>
    /// <param name="search">Which ones.</param>
    /// <param name="from">As for <see cref="ListAsync"/>.</param>
    /// <param name="limit">As for <see cref="ListAsync"/>.</param>
    /// <exception cref="RocketMQValidationException">The limit is out of range.</exception>
    [ResponseTimeout("00:05:00")]
    [Alias("Search")]
    Task<DeadLetterPage> SearchAsync(DeadLetterSearch search, DeadLetterPosition? from = null, int limit = 32);

    /// <summary>Reads one with its body; null when there is none with that id. Nothing changes.</summary>
    /// <param name="messageId">The id of the message as its producer gave it, or <see cref="DeadLetter.OffsetMessageId"/>.</param>
    [ResponseTimeout("00:05:00")]
    [Alias("Peek")]
    Task<MessageExt?> PeekAsync(string messageId);

    /// <summary>
    /// Sends one again: to its original topic, with its body, flag and properties, as if it had never failed. It keeps its
    /// id and <c>ORIGIN_MESSAGE_ID</c>. At least once: after a crash in between it may be sent again.
    /// </summary>
    /// <param name="messageId">As for <see cref="PeekAsync"/>.</param>
    /// <param name="requestedBy">Who wants it, for the log.</param>
    /// <returns>How many were sent: 0 when there is none.</returns>
    /// <exception cref="RocketMQException">With code <see cref="RocketMQErrorCode.State"/>: all are being sent again just now.</exception>
    /// <exception cref="MessageFormatException">Its body cannot be read, so it cannot be sent as it was.</exception>
    [ResponseTimeout("00:05:00")]
    [Alias("Resend")]
    Task<int> ResendAsync(string messageId, string requestedBy);

    /// <summary>
    /// Sends all again that carry a key. Those that cannot be sent stay; the error that tells of them comes after the
    /// others were sent.
    /// </summary>
    /// <inheritdoc cref="ResendAsync"/>
    [ResponseTimeout("00:05:00")]
    [Alias("ResendByKey")]
    Task<int> ResendByKeyAsync(string key, string requestedBy);

    /// <summary>
    /// Begins to send all again that are there now, and returns at once; ask <see cref="GetResendAsync"/> how far it is.
    /// Ends with the silo it runs on; started again it goes on where it was. Those that cannot be sent stay, and are told of
    /// in <see cref="DeadLetterResend.Failures"/>; the others are sent all the same.
    /// </summary>
    /// <param name="messagesPerSecond">How fast, 0.001 at least.</param>
    /// <param name="requestedBy">Who wants it, for the log.</param>
    /// <exception cref="RocketMQValidationException">The rate is too low, or none.</exception>
    /// <exception cref="RocketMQException">With code <see cref="RocketMQErrorCode.State"/>: that is being done already.</exception>
    [Alias("ResendAll")]
    Task<DeadLetterResend> ResendAllAsync(double messagesPerSecond, string requestedBy);

    /// <summary>How far the last <see cref="ResendAllAsync"/> is.</summary>
    [Alias("GetResend")]
    Task<DeadLetterResend> GetResendAsync();

    /// <summary>Stops sending; what was sent is not sent again next time.</summary>
    [Alias("StopResend")]
    Task<DeadLetterResend> StopResendAsync(string requestedBy);

    /// <summary>
    /// Drops dead letters: they are neither listed nor sent any more. They are not deleted, which RocketMQ cannot do: until the
    /// broker's retention takes them, other tools still find them in the topic.
    /// </summary>
    /// <param name="below">Only those of that queue below that offset; null: all there are now.</param>
    /// <param name="requestedBy">Who wants it, for the log.</param>
    /// <returns>How many were dropped.</returns>
    /// <exception cref="RocketMQException">With code <see cref="RocketMQErrorCode.State"/>: all are being sent again just now.</exception>
    [Alias("Drop")]
    Task<long> DropAsync(DeadLetterPosition? below, string requestedBy);

    /// <summary>Drops one dead letter, as <see cref="DropAsync"/> does with many.</summary>
    /// <param name="messageId">As for <see cref="PeekAsync"/>.</param>
    /// <param name="requestedBy">Who wants it, for the log.</param>
    /// <returns>How many were dropped: 0 when there is none with that id.</returns>
    /// <exception cref="RocketMQException">With code <see cref="RocketMQErrorCode.State"/>: all are being sent again just now.</exception>
    [ResponseTimeout("00:05:00")]
    [Alias("DropOne")]
    Task<int> DropOneAsync(string messageId, string requestedBy);
}

/// <summary>A place in a group's dead letters.</summary>
/// <param name="Queue">The queue of the topic %DLQ%group; there is one on each broker.</param>
/// <param name="Offset">The offset.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.DeadLetterPosition")]
public sealed record DeadLetterPosition([property: Id(0)] MessageQueue Queue, [property: Id(1)] long Offset);

/// <summary>Some of a group's dead letters.</summary>
/// <param name="Letters">The letters, in the order they were filed.</param>
/// <param name="Next">Where the next page begins; null when there is none.</param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.DeadLetterPage")]
public sealed record DeadLetterPage([property: Id(0)] IReadOnlyList<DeadLetter> Letters, [property: Id(1)] DeadLetterPosition? Next)
{
    /// <summary>
    /// Where letters could not be read, and why; usually empty. Those of other places are listed; when there are none, the
    /// call fails instead.
    /// </summary>
    [Id(2)]
    public IReadOnlyList<string> Unread { get; init; } = [];
}

/// <summary>A message the group has given up, without its body.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.DeadLetter")]
public sealed record DeadLetter
{
    /// <summary>Where it is.</summary>
    [Id(0)]
    public required DeadLetterPosition Position { get; init; }

    /// <summary>The id its producer gave.</summary>
    [Id(1)]
    public required string MessageId { get; init; }

    /// <summary>The broker's id of this copy.</summary>
    [Id(2)]
    public required string OffsetMessageId { get; init; }

    /// <summary>The broker's id of the first copy.</summary>
    [Id(3)]
    public string? OriginMessageId { get; init; }

    /// <summary>The topic it was first sent to.</summary>
    [Id(4)]
    public required string Topic { get; init; }

    /// <summary>Its keys.</summary>
    [Id(5)]
    public string? Keys { get; init; }

    /// <summary>Its tag.</summary>
    [Id(6)]
    public string? Tags { get; init; }

    /// <summary>How often the group has failed on it.</summary>
    [Id(7)]
    public int ReconsumeTimes { get; init; }

    /// <summary>When it was sent.</summary>
    [Id(8)]
    public DateTimeOffset Born { get; init; }

    /// <summary>When it was filed.</summary>
    [Id(9)]
    public DateTimeOffset Filed { get; init; }

    /// <summary>Bytes of its body.</summary>
    [Id(10)]
    public int BodyLength { get; init; }

    /// <summary>Why its body cannot be read; null when it can.</summary>
    [Id(11)]
    public string? BodyError { get; init; }

    /// <summary>
    /// Why it is here; null when that is not known: it was filed by another client, a version before 0.3, or the broker itself.
    /// </summary>
    [Id(12)]
    public DeadLetterCause? Cause { get; init; }
}

/// <summary>Why a message is a dead letter, as its group told when it filed it. Immutable.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.DeadLetterCause")]
public sealed record DeadLetterCause
{
    /// <summary>What the listener said, or the exception's message, at most 1,024 characters; empty when there is none.</summary>
    [Id(0)]
    public string Reason { get; init; } = string.Empty;

    /// <summary>
    /// The exception's full name, or a word such as <c>timeout</c>, <c>rejected</c> or <c>reconsume_later</c>; empty when not known.
    /// </summary>
    [Id(1)]
    public string ErrorType { get; init; } = string.Empty;

    /// <summary>Where the exception was thrown, shortened, in one line; empty when there was none.</summary>
    [Id(2)]
    public string Stack { get; init; } = string.Empty;

    /// <summary>How often it was tried; 0 when not known.</summary>
    [Id(3)]
    public int Attempts { get; init; }

    /// <summary>The group that has given it up.</summary>
    [Id(4)]
    public string Group { get; init; } = string.Empty;

    /// <summary>
    /// The silo whose listener failed on it last, as <see cref="SiloConsumerStatus.Silo"/> names it; empty when not known.
    /// </summary>
    [Id(5)]
    public string Silo { get; init; } = string.Empty;

    /// <summary>When it failed first; null when not known, as for one that the broker brought again.</summary>
    [Id(6)]
    public DateTimeOffset? FirstFailed { get; init; }

    /// <summary>When it failed last; null when not known.</summary>
    [Id(7)]
    public DateTimeOffset? LastFailed { get; init; }
}

/// <summary>Which dead letters are wanted: those that fit all that is set. Case does not matter. Immutable.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.DeadLetterSearch")]
public sealed record DeadLetterSearch
{
    /// <summary>What the reason holds; null for any.</summary>
    [Id(0)]
    public string? Reason { get; init; }

    /// <summary>What the error type holds, such as the class of an exception without its namespace; null for any.</summary>
    [Id(1)]
    public string? ErrorType { get; init; }

    /// <summary>What the reason, error type, stack, silo, id, topic, keys or tag holds; null for any.</summary>
    [Id(2)]
    public string? Text { get; init; }

    /// <summary>Whether a letter fits.</summary>
    public bool Fits(DeadLetter letter)
    {
        ArgumentNullException.ThrowIfNull(letter);
        var cause = letter.Cause;
        return Holds(Reason, cause?.Reason)
            && Holds(ErrorType, cause?.ErrorType)
            && (Text is null || Holds(Text, cause?.Reason) || Holds(Text, cause?.ErrorType) || Holds(Text, cause?.Stack)
                || Holds(Text, cause?.Silo) || Holds(Text, letter.MessageId) || Holds(Text, letter.Topic) || Holds(Text, letter.Keys)
                || Holds(Text, letter.Tags));
    }

    private static bool Holds(string? wanted, string? text)
        => wanted is null || text?.Contains(wanted, StringComparison.OrdinalIgnoreCase) is true;
}

/// <summary>How far sending all dead letters again is.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.DeadLetterResend")]
public sealed record DeadLetterResend
{
    /// <summary>How many entries <see cref="Failures"/> has at most.</summary>
    public const int MostFailures = 100;

    /// <summary>Whether it is under way.</summary>
    [Id(0)]
    public bool IsRunning { get; init; }

    /// <summary>Messages sent.</summary>
    [Id(1)]
    public long Sent { get; init; }

    /// <summary>Those of <see cref="Failed"/> whose body cannot be read.</summary>
    [Id(2)]
    public long Unreadable { get; init; }

    /// <summary>Why it ended early, or which letters could not be read from a broker; null when it got through.</summary>
    [Id(3)]
    public string? Error { get; init; }

    /// <summary>Messages that could not be sent and are left where they are.</summary>
    [Id(4)]
    public long Failed { get; init; }

    /// <summary>The first <see cref="MostFailures"/> of them.</summary>
    [Id(5)]
    public IReadOnlyList<DeadLetterFailure> Failures { get; init; } = [];
}

/// <summary>A dead letter that could not be sent again.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.DeadLetterFailure")]
public sealed record DeadLetterFailure
{
    /// <summary>Where it is; null when that could not be read.</summary>
    [Id(0)]
    public DeadLetterPosition? Position { get; init; }

    /// <summary>The id its producer gave.</summary>
    [Id(1)]
    public string? MessageId { get; init; }

    /// <summary>The topic it was first sent to.</summary>
    [Id(2)]
    public string? Topic { get; init; }

    /// <summary>Why it could not be sent.</summary>
    [Id(3)]
    public required string Reason { get; init; }

    /// <inheritdoc/>
    public override string ToString() => MessageId is null ? Reason : $"{MessageId} to {Topic}: {Reason}";
}

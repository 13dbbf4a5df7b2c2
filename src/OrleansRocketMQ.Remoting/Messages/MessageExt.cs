using System.Buffers.Text;
using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace OrleansRocketMQ;

/// <summary>
/// A message received. Its content never changes, so it may be shared between threads and grains without a copy;
/// properties are decoded when first asked for. Mirrors <c>org.apache.rocketmq.common.message.MessageExt</c>.
/// </summary>
public sealed class MessageExt
{
    // A view: what the record says is read there when asked for, what the messages of a pull have in common is shared, and
    // what few messages have is kept apart. At some hundred thousand messages a second every field would show in the memory
    // allocated.
    // Of brokers unless set otherwise (timerPrecisionMs): TIMER_OUT_MS names the beginning of a slot, at whose end they deliver.
    private const long TimerPrecision = 1000;

    private readonly MessageOrigin _origin;
    private readonly int _recordStart;
    private readonly int _bodyStart;
    private Extras? _extras;

    /// <summary>A message in its record, whose layout has been found good.</summary>
    internal MessageExt(MessageOrigin origin, int recordStart, int bodyStart)
    {
        _origin = origin;
        _recordStart = recordStart;
        _bodyStart = bodyStart;
    }

    private MessageExt(MessageOrigin origin, Extras? extras, int bodyStart)
        : this(origin, recordStart: 0, bodyStart) => _extras = extras;

    private MessageExt(MessageExt other, MessageOrigin origin, Extras? extras)
        : this(origin, other._recordStart, other._bodyStart) => _extras = extras;

    /// <summary>The topic the listener subscribed to; for a message that came back through %RETRY%, the one it was first sent to.</summary>
    public string Topic => _origin.Topic;

    /// <summary>The name of the broker set the message was pulled from; empty when it did not come by a pull.</summary>
    public string BrokerName => _origin.BrokerName;

    /// <summary>The queue the message was read from.</summary>
    public int QueueId => StoredMessage.Int32At(RecordSpan, StoredMessage.QueueIdPosition);

    /// <summary>The position in that queue.</summary>
    public long QueueOffset => StoredMessage.Int64At(RecordSpan, StoredMessage.QueueOffsetPosition) + (_extras?.InnerIndex ?? 0);

    /// <summary>The position in the broker's commit log.</summary>
    public long CommitLogOffset => StoredMessage.Int64At(RecordSpan, StoredMessage.CommitLogOffsetPosition);

    /// <summary>What the message carries, decompressed. A slice of the received bytes: copy it to keep it for long.</summary>
    public ReadOnlyMemory<byte> Body => _extras?.Body ?? _origin.Bytes.AsMemory(_bodyStart, StoredBodyLength);

    /// <summary>Why the body could not be read, or null. Such a message is not given to listeners; it goes the way of retry.</summary>
    public MessageFormatException? BodyError => _extras?.BodyError;

    /// <summary>The number the sender gave.</summary>
    public int Flag => _extras?.InnerFlag ?? StoredMessage.Int32At(RecordSpan, StoredMessage.FlagPosition);

    /// <summary>
    /// Bits of <see cref="MessageSysFlag"/> as stored. Unlike in Java, that of compression stays set though <see cref="Body"/>
    /// is decompressed: it tells that the body is no slice of <see cref="Record"/>, and how the sender compressed it.
    /// </summary>
    public int SysFlag => StoredMessage.Int32At(RecordSpan, StoredMessage.SysFlagPosition);

    /// <summary>The checksum of the stored body; CRC-32 without its highest bit.</summary>
    public int BodyCrc => StoredMessage.Int32At(RecordSpan, StoredMessage.BodyCrcPosition);

    /// <summary>The bytes the message takes in the broker's store.</summary>
    public int StoreSize => StoredMessage.Int32At(RecordSpan, 0);

    /// <summary>When the producer made the message, milliseconds since 1970 UTC.</summary>
    public long BornTimestamp => StoredMessage.Int64At(RecordSpan, StoredMessage.BornTimestampPosition);

    /// <summary>When the broker stored the message, milliseconds since 1970 UTC.</summary>
    public long StoreTimestamp => StoredMessage.Int64At(RecordSpan, StoredMessage.StoreTimestampPosition(SysFlag));

    /// <summary>
    /// When the message was to come, milliseconds since 1970 UTC, for one that was sent with a time
    /// (<see cref="Message.DeliverAt"/>, <see cref="Message.DeliverAfter"/>) and that a broker held back to it, and for one that
    /// failed and was to come again at an exact time; otherwise null.
    /// Where the sender gave no time but a delay, the end of the second in which the broker let it go.
    /// </summary>
    public long? DeliverTimestamp
        => TimeIn(MessageProperties.TimerDeliverMilliseconds)
            ?? (TimeIn(MessageProperties.TimerOutMilliseconds) is { } slot ? slot + TimerPrecision : null);

    /// <summary>How urgent it is, from 0 on, higher first; -1: it has no priority. See <see cref="Message.Priority"/>.</summary>
    public int Priority => MessageProperties.TryFind(StoredProperties, "_SYS_MSG_PRIORITY_"u8, out var text)
        && Utf8Parser.TryParse(text, out int priority, out var length) && length == text.Length && priority >= 0
            ? priority
            : -1;

    /// <summary>How often the group has failed on the message before.</summary>
    public int ReconsumeTimes => _extras?.Pop?.ReconsumeTimes
        ?? StoredMessage.Int32At(RecordSpan, StoredMessage.ReconsumeTimesPosition(SysFlag));

    /// <summary>The commit-log offset of the half message, for a message of a transaction.</summary>
    public long PreparedTransactionOffset => StoredMessage.Int64At(RecordSpan, StoredMessage.ReconsumeTimesPosition(SysFlag) + 4);

    /// <summary>The producer's address.</summary>
    public IPEndPoint BornHost => HostField.Read(StoredMessage.BornHostField(RecordSpan, SysFlag));

    /// <summary>The address of the broker that stored the message.</summary>
    public IPEndPoint StoreHost => HostField.Read(StoredMessage.StoreHostField(RecordSpan, SysFlag));

    /// <summary>The tag, or null.</summary>
    public string? Tags => GetProperty(MessageProperties.Tags);

    /// <summary>The keys separated by blanks, or null.</summary>
    public string? Keys => GetProperty(MessageProperties.Keys);

    /// <summary>The sharding key, or null.</summary>
    public string? ShardingKey => GetProperty(MessageProperties.ShardingKey);

    /// <summary>The id the producer gave, kept across retries, or <see cref="OffsetMessageId"/> when it gave none.</summary>
    public string MessageId => GetProperty(MessageProperties.UniqueKey) ?? OffsetMessageId;

    /// <summary>The id under which the broker finds this very copy: its address and commit-log offset.</summary>
    public string OffsetMessageId
        => OrleansRocketMQ.OffsetMessageId.Format(StoredMessage.StoreHostField(RecordSpan, SysFlag), CommitLogOffset);

    /// <summary>The id of the first copy, for a message that came back through %RETRY%; otherwise null.</summary>
    public string? OriginMessageId => GetProperty(MessageProperties.OriginMessageId);

    /// <summary>The id of the transaction, for a message of one; otherwise null.</summary>
    public string? TransactionId => GetProperty(MessageProperties.TransactionPrepared) is "true"
        ? GetProperty(MessageProperties.UniqueKey)
        : null;

    /// <summary>Where the message stands in its transaction.</summary>
    public TransactionState TransactionState => (TransactionState)((SysFlag & MessageSysFlag.TransactionMask) >> 2);

    /// <summary>What to acknowledge the message with; null when it was not popped. As text it is property <c>POP_CK</c>.</summary>
    public ReceiptHandle? ReceiptHandle => _extras?.Pop?.Handle;

    /// <summary>Whether the message was taken out of a batch that the broker stores as one.</summary>
    public bool IsInnerBatch => (SysFlag & MessageSysFlag.InnerBatch) != 0;

    /// <summary>All properties.</summary>
    public IReadOnlyDictionary<string, string> Properties
    {
        get
        {
            // Two threads may decode at once; both get equal tables and one of them stays.
            var extras = _extras ??= new Extras();
            return extras.Properties ??= DecodeProperties();
        }
    }

    /// <summary>The message as the broker stores it; for one of an inner batch, the whole batch.</summary>
    public ReadOnlyMemory<byte> Record => _origin.Bytes.AsMemory(_recordStart, StoreSize);

    /// <summary>The bytes the message is a view of: all that came with it, as long as any of it is kept.</summary>
    internal byte[] Buffer => _origin.Bytes;

    /// <summary>The same, where it goes back to a pool one day; null when it is the message's own.</summary>
    internal PooledBody? Pooled => _origin.Pooled;

    /// <summary>How long <see cref="Body"/> is.</summary>
    internal int BodyLength => _extras?.Body is { } body ? body.Length : StoredBodyLength;

    /// <summary>The body, as bytes that tell when they have gone back to their pool.</summary>
    internal ReadOnlyMemory<byte> GuardedBody
        => _origin.Pooled is { } pooled && MemoryMarshal.TryGetArray(Body, out var body) && body.Array == pooled.Bytes
            ? pooled.Memory.Slice(body.Offset, body.Count)
            : Body;

    /// <summary>The message in memory of its own, if it is not already.</summary>
    internal MessageExt Owned()
    {
        if (_origin.Pooled is null)
        {
            return this;
        }

        var origin = new MessageOrigin(Record.ToArray(), Topic, BrokerName);
        return new(origin, _extras?.Owned(), _bodyStart - _recordStart);
    }

    /// <summary>What the message keeps beside its <see cref="Buffer"/>, since its body was decompressed.</summary>
    /// <param name="shared">
    /// The array the body is in, which the messages of a batch share and which stays as long as any of them; null when there is
    /// none.
    /// </param>
    /// <returns>Bytes of this message alone, beside those of <paramref name="shared"/>.</returns>
    internal int BytesBesideBuffer(out byte[]? shared)
    {
        shared = null;
        return _extras?.Body is { } body ? BytesOf(body, out shared) : 0;
    }

    internal ReadOnlySpan<byte> StoredProperties => _extras?.InnerProperties is { } inner
        ? inner.Span
        : StoredMessage.PropertiesBehind(RecordSpan, _bodyStart - _recordStart + StoredBodyLength);

    // Its end is not looked for: where fields of the record are has been checked.
    private ReadOnlySpan<byte> RecordSpan => _origin.Bytes.AsSpan(_recordStart);

    private int StoredBodyLength => StoredMessage.Int32At(_origin.Bytes, _bodyStart - sizeof(int));

    /// <summary>One property, or null.</summary>
    public string? GetProperty(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (_extras?.Properties is { } decoded)
        {
            return decoded.GetValueOrDefault(name);
        }

        if (_extras?.Pop is not null && name is MessageProperties.PopCheckpoint or MessageProperties.FirstPopTime)
        {
            return Properties.GetValueOrDefault(name);
        }

        Span<byte> utf8 = stackalloc byte[256];
        if (!Encoding.UTF8.TryGetBytes(name, utf8, out var length))
        {
            return Properties.GetValueOrDefault(name);
        }

        return MessageProperties.TryFind(StoredProperties, utf8[..length], out var value) ? Encoding.UTF8.GetString(value) : null;
    }

    /// <summary>Whether the message's tag is one of the given UTF-8 tags; decides without decoding anything.</summary>
    internal bool HasTagIn(byte[][] utf8Tags)
    {
        if (!MessageProperties.TryFind(StoredProperties, "TAGS"u8, out var tag))
        {
            return false;
        }

        foreach (var wanted in utf8Tags)
        {
            if (tag.SequenceEqual(wanted))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The same message under another topic: the one a retried message was first sent to.</summary>
    internal MessageExt WithTopic(string topic) => new(this, _origin with { Topic = topic }, _extras);

    /// <summary>The same message with its body decompressed.</summary>
    internal MessageExt WithBody(ReadOnlyMemory<byte> body) => With((_extras ?? Extras.None) with { Body = body, BodyError = null });

    /// <summary>The same message, marked as unreadable.</summary>
    internal MessageExt WithBodyError(MessageFormatException error)
        => With((_extras ?? Extras.None) with { Body = default(ReadOnlyMemory<byte>), BodyError = error });

    /// <summary>One of the messages inside this one's body: what it does not carry itself, it has from this one.</summary>
    internal MessageExt WithInner(int index, in BatchItem item)
        => With(new Extras { InnerIndex = index, InnerFlag = item.Flag, InnerProperties = item.StoredProperties, Body = item.Body });

    private int BytesOf(ReadOnlyMemory<byte> body, out byte[]? shared)
    {
        shared = null;
        if (!MemoryMarshal.TryGetArray(body, out var segment))
        {
            return body.Length;
        }

        shared = segment.Array == _origin.Bytes ? null : segment.Array;
        return 0;
    }

    private long? TimeIn(string property)
        => long.TryParse(GetProperty(property), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var time) ? time : null;

    /// <summary>The same message as it was popped from a topic: itself, or a retry topic that belongs to it.</summary>
    internal MessageExt WithPop(string topic, PopMark pop)
        => new(this, _origin with { Topic = topic }, (_extras ?? Extras.None) with { Pop = pop, Properties = null });

    private Dictionary<string, string> DecodeProperties()
    {
        var properties = MessageProperties.Decode(StoredProperties);
        if (_extras?.Pop is { } pop)
        {
            properties[MessageProperties.PopCheckpoint] = pop.Handle.ToString();
            properties.TryAdd(MessageProperties.FirstPopTime, pop.Handle.PopTime.ToString(CultureInfo.InvariantCulture));
        }

        return properties;
    }

    private MessageExt With(Extras extras) => new(this, _origin, extras);

    /// <inheritdoc/>
    public override string ToString()
        => string.Create(CultureInfo.InvariantCulture, $"{Topic} {BrokerName}/{QueueId}@{QueueOffset} {MessageId}");

    /// <summary>What few messages have.</summary>
    private sealed record Extras
    {
        public static readonly Extras None = new();

        public Dictionary<string, string>? Properties { get; set; }

        public MessageFormatException? BodyError { get; init; }

        public ReadOnlyMemory<byte>? Body { get; init; }

        public ReadOnlyMemory<byte>? InnerProperties { get; init; }

        public int? InnerFlag { get; init; }

        public int InnerIndex { get; init; }

        public PopMark? Pop { get; init; }

        public Extras Owned() => this with { Body = Copy(Body), InnerProperties = Copy(InnerProperties) };

        private static ReadOnlyMemory<byte>? Copy(ReadOnlyMemory<byte>? bytes)
            => bytes is { } some ? some.ToArray() : default(ReadOnlyMemory<byte>?);
    }
}

/// <summary>That a message was popped.</summary>
/// <param name="Handle">What to acknowledge it with.</param>
/// <param name="ReconsumeTimes">How often it has been popped in order before; null: the record says it.</param>
internal sealed record PopMark(ReceiptHandle Handle, int? ReconsumeTimes);

/// <summary>What the messages of one pull share.</summary>
/// <param name="Own">All that came, in which they are; null when it is in <see cref="Pooled"/>.</param>
/// <param name="Topic">The topic they were sent to.</param>
/// <param name="BrokerName">The broker set they came from.</param>
/// <param name="Pooled">All that came, where it goes back to a pool; else null.</param>
internal sealed record MessageOrigin(byte[]? Own, string Topic, string BrokerName, PooledBody? Pooled = null)
{
    /// <summary>All that came. Each field of a message is read through it.</summary>
    /// <exception cref="ObjectDisposedException">It has gone back to its pool.</exception>
    public byte[] Bytes => Own ?? OfPool();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private byte[] OfPool() => Pooled!.Bytes;
}

using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Text;

namespace OrleansRocketMQ;

/// <summary>
/// A message received. Its content never changes, so it may be shared between threads and grains without a copy;
/// properties are decoded when first asked for. Mirrors <c>org.apache.rocketmq.common.message.MessageExt</c>.
/// </summary>
public sealed class MessageExt
{
    private readonly ReadOnlyMemory<byte> _storedProperties;
    private Dictionary<string, string>? _properties;

    internal MessageExt(ReadOnlyMemory<byte> record, ReadOnlyMemory<byte> storedProperties)
    {
        Record = record;
        _storedProperties = storedProperties;
    }

    [SetsRequiredMembers]
    private MessageExt(MessageExt other)
        : this(other.Record, other._storedProperties)
    {
        Topic = other.Topic;
        BrokerName = other.BrokerName;
        QueueId = other.QueueId;
        QueueOffset = other.QueueOffset;
        CommitLogOffset = other.CommitLogOffset;
        Body = other.Body;
        BodyError = other.BodyError;
        Flag = other.Flag;
        SysFlag = other.SysFlag;
        BodyCrc = other.BodyCrc;
        BornTimestamp = other.BornTimestamp;
        StoreTimestamp = other.StoreTimestamp;
        ReconsumeTimes = other.ReconsumeTimes;
        PreparedTransactionOffset = other.PreparedTransactionOffset;
    }

    /// <summary>The topic the listener subscribed to; for a message that came back through %RETRY%, the one it was first sent to.</summary>
    public required string Topic { get; init; }

    /// <summary>The name of the broker set the message was pulled from; empty when it did not come by a pull.</summary>
    public string BrokerName { get; init; } = string.Empty;

    /// <summary>The queue the message was read from.</summary>
    public required int QueueId { get; init; }

    /// <summary>The position in that queue.</summary>
    public required long QueueOffset { get; init; }

    /// <summary>The position in the broker's commit log.</summary>
    public required long CommitLogOffset { get; init; }

    /// <summary>What the message carries, decompressed. A slice of the received bytes: copy it to keep it for long.</summary>
    public required ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>Why the body could not be read, or null. Such a message is not given to listeners; it goes the way of retry.</summary>
    public MessageFormatException? BodyError { get; init; }

    /// <summary>The number the sender gave.</summary>
    public int Flag { get; init; }

    /// <summary>
    /// Bits of <see cref="MessageSysFlag"/> as stored. Unlike in Java, that of compression stays set though <see cref="Body"/>
    /// is decompressed: it tells that the body is no slice of <see cref="Record"/>, and how the sender compressed it.
    /// </summary>
    public int SysFlag { get; init; }

    /// <summary>The checksum of the stored body; CRC-32 without its highest bit.</summary>
    public int BodyCrc { get; init; }

    /// <summary>The bytes the message takes in the broker's store.</summary>
    public int StoreSize => Record.Length;

    /// <summary>When the producer made the message, milliseconds since 1970 UTC.</summary>
    public long BornTimestamp { get; init; }

    /// <summary>When the broker stored the message, milliseconds since 1970 UTC.</summary>
    public long StoreTimestamp { get; init; }

    /// <summary>How often the group has failed on the message before.</summary>
    public int ReconsumeTimes { get; init; }

    /// <summary>The commit-log offset of the half message, for a message of a transaction.</summary>
    public long PreparedTransactionOffset { get; init; }

    /// <summary>The producer's address.</summary>
    public IPEndPoint BornHost => HostField.Read(StoredMessage.BornHostField(Record.Span, SysFlag));

    /// <summary>The address of the broker that stored the message.</summary>
    public IPEndPoint StoreHost => HostField.Read(StoredMessage.StoreHostField(Record.Span, SysFlag));

    /// <summary>The tag, or null.</summary>
    public string? Tags => GetProperty(MessageProperties.Tags);

    /// <summary>The keys separated by blanks, or null.</summary>
    public string? Keys => GetProperty(MessageProperties.Keys);

    /// <summary>The sharding key, or null.</summary>
    public string? ShardingKey => GetProperty(MessageProperties.ShardingKey);

    /// <summary>The id the producer gave, kept across retries, or <see cref="OffsetMessageId"/> when it gave none.</summary>
    public string MessageId => GetProperty(MessageProperties.UniqueKey) ?? OffsetMessageId;

    /// <summary>The id under which the broker finds this very copy: its address and commit-log offset.</summary>
    public string OffsetMessageId => OrleansRocketMQ.OffsetMessageId.Format(StoredMessage.StoreHostField(Record.Span, SysFlag), CommitLogOffset);

    /// <summary>The id of the first copy, for a message that came back through %RETRY%; otherwise null.</summary>
    public string? OriginMessageId => GetProperty(MessageProperties.OriginMessageId);

    /// <summary>The id of the transaction, for a message of one; otherwise null.</summary>
    public string? TransactionId => GetProperty(MessageProperties.TransactionPrepared) is "true"
        ? GetProperty(MessageProperties.UniqueKey)
        : null;

    /// <summary>Where the message stands in its transaction.</summary>
    public TransactionState TransactionState => (TransactionState)((SysFlag & MessageSysFlag.TransactionMask) >> 2);

    /// <summary>Whether the message was taken out of a batch that the broker stores as one.</summary>
    public bool IsInnerBatch => (SysFlag & MessageSysFlag.InnerBatch) != 0;

    /// <summary>All properties.</summary>
    public IReadOnlyDictionary<string, string> Properties
        // Two threads may decode at once; both get equal tables and one of them stays.
        => _properties ??= MessageProperties.Decode(_storedProperties.Span);

    /// <summary>The message as the broker stores it; for one of an inner batch, the whole batch.</summary>
    public ReadOnlyMemory<byte> Record { get; }

    internal ReadOnlyMemory<byte> StoredProperties => _storedProperties;

    /// <summary>One property, or null.</summary>
    public string? GetProperty(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (_properties is { } decoded)
        {
            return decoded.GetValueOrDefault(name);
        }

        Span<byte> utf8 = stackalloc byte[256];
        if (!Encoding.UTF8.TryGetBytes(name, utf8, out var length))
        {
            return Properties.GetValueOrDefault(name);
        }

        return MessageProperties.TryFind(_storedProperties.Span, utf8[..length], out var value) ? Encoding.UTF8.GetString(value) : null;
    }

    /// <summary>Whether the message's tag is one of the given UTF-8 tags; decides without decoding anything.</summary>
    internal bool HasTagIn(byte[][] utf8Tags)
    {
        if (!MessageProperties.TryFind(_storedProperties.Span, "TAGS"u8, out var tag))
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
    internal MessageExt WithTopic(string topic) => new(this) { Topic = topic };

    /// <summary>The same message, marked as unreadable.</summary>
    internal MessageExt WithBodyError(MessageFormatException error) => new(this) { BodyError = error };

    /// <inheritdoc/>
    public override string ToString()
        => string.Create(CultureInfo.InvariantCulture, $"{Topic} {BrokerName}/{QueueId}@{QueueOffset} {MessageId}");
}

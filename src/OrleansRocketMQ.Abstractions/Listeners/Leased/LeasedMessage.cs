namespace OrleansRocketMQ;

/// <summary>
/// A message that may be read until the listener's call for it has ended; afterwards everything throws
/// <see cref="ObjectDisposedException"/>. Its bytes are used again, so what is to stay must be copied (<see cref="ToOwned"/>).
/// Costs no memory. What it says is what <see cref="MessageExt"/> says.
/// </summary>
public readonly struct LeasedMessage
{
    private readonly MessageExt _message;
    private readonly LeaseScope? _scope;
    private readonly long _call;

    internal LeasedMessage(MessageExt message, LeaseScope? scope, long call) => (_message, _scope, _call) = (message, scope, call);

    /// <inheritdoc cref="MessageExt.Topic"/>
    public string Topic => Message.Topic;

    /// <inheritdoc cref="MessageExt.BrokerName"/>
    public string BrokerName => Message.BrokerName;

    /// <inheritdoc cref="MessageExt.QueueId"/>
    public int QueueId => Message.QueueId;

    /// <inheritdoc cref="MessageExt.QueueOffset"/>
    public long QueueOffset => Message.QueueOffset;

    /// <summary>
    /// What the message carries, decompressed. Kept beyond the call it may throw at any time; a span of it that is kept is not
    /// guarded.
    /// </summary>
    public ReadOnlyMemory<byte> Body => Message.GuardedBody;

    /// <inheritdoc cref="MessageExt.Flag"/>
    public int Flag => Message.Flag;

    /// <inheritdoc cref="MessageExt.BornTimestamp"/>
    public long BornTimestamp => Message.BornTimestamp;

    /// <inheritdoc cref="MessageExt.StoreTimestamp"/>
    public long StoreTimestamp => Message.StoreTimestamp;

    /// <inheritdoc cref="MessageExt.DeliverTimestamp"/>
    public long? DeliverTimestamp => Message.DeliverTimestamp;

    /// <inheritdoc cref="MessageExt.ReconsumeTimes"/>
    public int ReconsumeTimes => Message.ReconsumeTimes;

    /// <summary>The tag, or null; a new text each time.</summary>
    public string? Tags => Message.Tags;

    /// <summary>The keys separated by blanks, or null; a new text each time.</summary>
    public string? Keys => Message.Keys;

    /// <summary>The sharding key, or null; a new text each time.</summary>
    public string? ShardingKey => Message.ShardingKey;

    /// <inheritdoc cref="MessageExt.MessageId"/>
    public string MessageId => Message.MessageId;

    private MessageExt Message
    {
        get
        {
            _scope?.Check(_call);
            return _message;
        }
    }

    /// <summary>One property, or null; a new text each time.</summary>
    public string? GetProperty(string name) => Message.GetProperty(name);

    /// <summary>Finds one property without making a text of it.</summary>
    /// <param name="utf8Name">Its name, in UTF-8.</param>
    /// <param name="utf8Value">Its value, in UTF-8; to be read inside of the call.</param>
    public bool TryGetProperty(ReadOnlySpan<byte> utf8Name, out ReadOnlySpan<byte> utf8Value)
        => MessageProperties.TryFind(Message.StoredProperties, utf8Name, out utf8Value);

    /// <summary>A copy that stays.</summary>
    public MessageExt ToOwned() => Message.Owned();

    /// <inheritdoc/>
    public override string ToString() => Message.ToString();
}

using System.Globalization;

namespace OrleansRocketMQ;

/// <summary>A message to send. Not thread-safe. Mirrors <c>org.apache.rocketmq.common.message.Message</c>.</summary>
public sealed class Message
{
    private readonly Dictionary<string, string> _properties = new(StringComparer.Ordinal);

    /// <summary>Creates a message.</summary>
    /// <param name="topic">Where it goes.</param>
    /// <param name="body">What it carries; not copied, so leave it as it is until the send has completed.</param>
    /// <param name="tags">The tag consumers may select by.</param>
    /// <param name="keys">A key it can be looked up by.</param>
    public Message(string topic, ReadOnlyMemory<byte> body, string? tags = null, string? keys = null)
    {
        Topic = topic;
        Body = body;
        Tags = tags;
        Keys = keys;
    }

    /// <summary>Where the message goes.</summary>
    public string Topic { get; set; }

    /// <summary>What the message carries.</summary>
    public ReadOnlyMemory<byte> Body { get; set; }

    /// <summary>A number of the user's own that travels with the message.</summary>
    public int Flag { get; set; }

    /// <summary>All properties, RocketMQ's own included.</summary>
    public IReadOnlyDictionary<string, string> Properties => _properties;

    /// <summary>The tag consumers may select by.</summary>
    public string? Tags
    {
        get => this[MessageProperties.Tags];
        set => this[MessageProperties.Tags] = value;
    }

    /// <summary>Keys the message can be looked up by, separated by blanks.</summary>
    public string? Keys
    {
        get => this[MessageProperties.Keys];
        set => this[MessageProperties.Keys] = value;
    }

    /// <summary>Messages with the same sharding key go to the same queue when the hash selector is used, and keep their order.</summary>
    public string? ShardingKey
    {
        get => this[MessageProperties.ShardingKey];
        set => this[MessageProperties.ShardingKey] = value;
    }

    /// <summary>
    /// How long the broker holds the message back, 1 to 18 for 1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h
    /// in the broker's default setting. 0: not at all. A level takes the place of <see cref="DeliverAt"/> and
    /// <see cref="DeliverAfter"/>, as at brokers.
    /// </summary>
    /// <exception cref="RocketMQValidationException">The level is negative.</exception>
    public int DelayLevel
    {
        get => int.TryParse(
            this[MessageProperties.DelayTimeLevel], NumberStyles.None, CultureInfo.InvariantCulture, out var level) ? level : 0;
        set
        {
            if (value < 0)
            {
                throw new RocketMQValidationException(nameof(DelayLevel), value, "0 or a delay level of the broker, 1 to 18 by default");
            }

            if (value > 0)
            {
                ClearTimes();
            }

            this[MessageProperties.DelayTimeLevel] = value == 0 ? null : value.ToString(CultureInfo.InvariantCulture);
        }
    }

    /// <summary>
    /// When consumers are to get the message, by the broker's clock: at the next whole second in its default setting
    /// (<c>timerPrecisionMs</c>), at once when the time is past. At most three days ahead (<c>timerMaxDelaySec</c>): more is
    /// refused with MESSAGE_ILLEGAL. Brokers that hold no messages to a time (before 5.0, or with
    /// <c>timerWheelEnable=false</c>) get the nearest <see cref="DelayLevel"/> from the producer. Setting it takes the place of
    /// <see cref="DeliverAfter"/> and <see cref="DelayLevel"/>. Null: not held back. Mirrors <c>setDeliverTimeMs</c>.
    /// </summary>
    public DateTimeOffset? DeliverAt
    {
        get => Number(MessageProperties.TimerDeliverMilliseconds) is { } time ? DateTimeOffset.FromUnixTimeMilliseconds(time) : null;
        set
        {
            this[MessageProperties.TimerDeliverMilliseconds] = null;
            if (value is { } time)
            {
                SetTime(MessageProperties.TimerDeliverMilliseconds, time - DateTimeOffset.UnixEpoch);
            }
        }
    }

    /// <summary>
    /// How long after its arrival at the broker consumers are to get the message; else like <see cref="DeliverAt"/>, whose
    /// place it takes. Mirrors <c>setDelayTimeMs</c> and <c>setDelayTimeSec</c>.
    /// </summary>
    /// <exception cref="RocketMQValidationException">The time is negative.</exception>
    public TimeSpan? DeliverAfter
    {
        get => Number(MessageProperties.TimerDelaySeconds) is { } seconds ? TimeSpan.FromSeconds(seconds)
            : Number(MessageProperties.TimerDelayMilliseconds) is { } milliseconds ? TimeSpan.FromMilliseconds(milliseconds)
            : null;
        set
        {
            if (value < TimeSpan.Zero)
            {
                throw new RocketMQValidationException(nameof(DeliverAfter), value, "zero or more");
            }

            this[MessageProperties.TimerDelaySeconds] = null;
            this[MessageProperties.TimerDelayMilliseconds] = null;
            if (value is { } delay)
            {
                SetTime(MessageProperties.TimerDelayMilliseconds, delay);
            }
        }
    }

    /// <summary>
    /// How urgent the message is among others of its topic, from 0 on, higher first; -1 (default): it has no priority. Brokers from
    /// 5.4 on hand popped messages of a topic with <c>message.type=PRIORITY</c> out by it; with pulls, and with older brokers,
    /// a group does that asks for it. Mirrors <c>setPriority</c>.
    /// </summary>
    /// <exception cref="RocketMQValidationException">It is below -1.</exception>
    public int Priority
    {
        get => int.TryParse(this[MessageProperties.Priority], NumberStyles.None, CultureInfo.InvariantCulture, out var priority)
            ? priority
            : -1;
        set => this[MessageProperties.Priority] = value switch
        {
            < -1 => throw new RocketMQValidationException(nameof(Priority), value, "0 or more, or -1 for none"),
            -1 => null,
            _ => value.ToString(CultureInfo.InvariantCulture),
        };
    }

    /// <summary>The property of that name, or null; setting null removes it.</summary>
    public string? this[string name]
    {
        get => _properties.GetValueOrDefault(name);
        set
        {
            if (value is null)
            {
                _properties.Remove(name);
            }
            else
            {
                _properties[name] = value;
            }
        }
    }

    private long? Number(string property)
        => long.TryParse(this[property], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;

    private void SetTime(string property, TimeSpan time)
    {
        ClearTimes();
        DelayLevel = 0;
        // Of a message that came with a time of its own: with it the broker would not hold this one back.
        this[MessageProperties.TimerOutMilliseconds] = null;
        this[property] = ((long)Math.Ceiling(time.TotalMilliseconds)).ToString(CultureInfo.InvariantCulture);
    }

    private void ClearTimes()
    {
        this[MessageProperties.TimerDelaySeconds] = null;
        this[MessageProperties.TimerDelayMilliseconds] = null;
        this[MessageProperties.TimerDeliverMilliseconds] = null;
    }
}

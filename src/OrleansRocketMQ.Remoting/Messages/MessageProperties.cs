using System.Text;

namespace OrleansRocketMQ;

/// <summary>Names of the properties RocketMQ itself gives meaning to, as in <c>MessageConst</c>.</summary>
public static class MessageProperties
{
#pragma warning disable CS1591 // The names are the documentation: they are RocketMQ's own.
    public const string Keys = "KEYS";
    public const string Tags = "TAGS";
    public const string WaitStoreMessageOk = "WAIT";
    public const string DelayTimeLevel = "DELAY";
    public const string RetryTopic = "RETRY_TOPIC";
    public const string RealTopic = "REAL_TOPIC";
    public const string RealQueueId = "REAL_QID";
    public const string TransactionPrepared = "TRAN_MSG";
    public const string ProducerGroup = "PGROUP";
    public const string MinOffset = "MIN_OFFSET";
    public const string MaxOffset = "MAX_OFFSET";
    public const string OriginMessageId = "ORIGIN_MESSAGE_ID";
    public const string ReconsumeTime = "RECONSUME_TIME";
    public const string MaxReconsumeTimes = "MAX_RECONSUME_TIMES";
    public const string ConsumeStartTime = "CONSUME_START_TIME";
    public const string UniqueKey = "UNIQ_KEY";
    public const string MessageRegion = "MSG_REGION";
    public const string TraceSwitch = "TRACE_ON";
    public const string Cluster = "CLUSTER";
    public const string ShardingKey = "__SHARDINGKEY";
    public const string InnerNumber = "INNER_NUM";
    public const string InnerBase = "INNER_BASE";
    public const string MultiDispatch = "INNER_MULTI_DISPATCH";
    public const string MultiQueueOffset = "INNER_MULTI_QUEUE_OFFSET";
    public const string DlqOriginTopic = "DLQ_ORIGIN_TOPIC";
    public const string DlqOriginMessageId = "DLQ_ORIGIN_MESSAGE_ID";
    public const string TransactionId = "__transactionId__";
    public const string CheckImmunityTime = "CHECK_IMMUNITY_TIME_IN_SECONDS";
    public const string TimerDelaySeconds = "TIMER_DELAY_SEC";
    public const string TimerDelayMilliseconds = "TIMER_DELAY_MS";
    public const string TimerDeliverMilliseconds = "TIMER_DELIVER_MS";
    public const string TimerOutMilliseconds = "TIMER_OUT_MS";
    public const string Priority = "_SYS_MSG_PRIORITY_";
    public const string PopCheckpoint = "POP_CK";
    public const string FirstPopTime = "1ST_POP_TIME";
#pragma warning restore CS1591

    /// <summary>
    /// Why a message is a dead letter, where its group knows: at most 1024 characters. A property of this library, which other
    /// clients do not have.
    /// </summary>
    public const string DeadLetterReason = "DEAD_LETTER_REASON";

    /// <summary>
    /// The full name of the exception on which a dead letter failed last, or a word such as <c>timeout</c> or <c>rejected</c>. This
    /// and the other properties of its kind are this library's, as <see cref="DeadLetterReason"/> is.
    /// </summary>
    public const string DeadLetterErrorType = "DEAD_LETTER_ERROR_TYPE";

    /// <summary>
    /// Where that exception was thrown: its stack in one line, at most 2,048 characters; absent where the properties have no room.
    /// </summary>
    public const string DeadLetterStack = "DEAD_LETTER_STACK";

    /// <summary>How often the group has tried a dead letter.</summary>
    public const string DeadLetterAttempts = "DEAD_LETTER_ATTEMPTS";

    /// <summary>The group that has given a dead letter up.</summary>
    public const string DeadLetterGroup = "DEAD_LETTER_GROUP";

    /// <summary>The silo whose listener failed on it last.</summary>
    public const string DeadLetterSilo = "DEAD_LETTER_SILO";

    /// <summary>When a dead letter failed first, in milliseconds since 1970; absent when that is not known.</summary>
    public const string DeadLetterFirstFailed = "DEAD_LETTER_FIRST_FAILED";

    /// <summary>When it failed last, in milliseconds since 1970.</summary>
    public const string DeadLetterLastFailed = "DEAD_LETTER_LAST_FAILED";

    /// <summary>All that say why a message is a dead letter.</summary>
    internal static readonly string[] OfDeadLetters =
    [
        DeadLetterReason, DeadLetterErrorType, DeadLetterStack, DeadLetterAttempts, DeadLetterGroup, DeadLetterSilo,
        DeadLetterFirstFailed, DeadLetterLastFailed,
    ];

    /// <summary>All that hold a message back to a time, or say that one did: of its first way, which a copy does not go again.</summary>
    internal static readonly string[] OfTimers =
    [
        TimerDelaySeconds, TimerDelayMilliseconds, TimerDeliverMilliseconds, TimerOutMilliseconds,
        "TIMER_ENQUEUE_MS", "TIMER_DEQUEUE_MS", "TIMER_ROLL_TIMES", "TIMER_DEL_UNIQKEY", "TIMER_DELAY_LEVEL",
    ];

    /// <summary>What stands between two keys of one message.</summary>
    public const char KeySeparator = ' ';

    internal const byte NameValueSeparator = 1;
    internal const byte PropertySeparator = 2;

    /// <summary>Writes a property table the way it is stored: <c>name 0x01 value 0x02</c> again and again.</summary>
    /// <exception cref="RocketMQValidationException">A name or value holds one of the separators, or a name is empty.</exception>
    public static string Encode(IEnumerable<KeyValuePair<string, string>> properties)
    {
        ArgumentNullException.ThrowIfNull(properties);
        var text = new StringBuilder();
        foreach (var (name, value) in properties)
        {
            CheckPair(name, value);
            text.Append(name).Append((char)NameValueSeparator).Append(value).Append((char)PropertySeparator);
        }

        return text.ToString();
    }

    /// <summary>The bytes that a property table takes as <see cref="Encode"/> writes it.</summary>
    /// <exception cref="RocketMQValidationException">A name or value holds one of the separators, or a name is empty.</exception>
    internal static int EncodedLength(IReadOnlyDictionary<string, string> properties)
    {
        var length = 0;
        foreach (var (name, value) in properties)
        {
            CheckPair(name, value);
            length += Encoding.UTF8.GetByteCount(name) + 1 + Encoding.UTF8.GetByteCount(value) + 1;
        }

        return length;
    }

    /// <summary>Writes a property table, of which <see cref="EncodedLength"/> was asked, to where there is room for it.</summary>
    internal static void WriteTo(Span<byte> output, IReadOnlyDictionary<string, string> properties)
    {
        foreach (var (name, value) in properties)
        {
            output = output[Encoding.UTF8.GetBytes(name, output)..];
            output[0] = NameValueSeparator;
            output = output[1..];
            output = output[Encoding.UTF8.GetBytes(value, output)..];
            output[0] = PropertySeparator;
            output = output[1..];
        }
    }

    /// <summary>
    /// Reads a stored property table. Pairs Java ignores (shorter than three characters, or without a value) are ignored
    /// here.
    /// </summary>
    public static Dictionary<string, string> Decode(ReadOnlySpan<byte> stored)
    {
        var properties = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in new PropertyEnumerator(stored))
        {
            properties[Encoding.UTF8.GetString(pair.Name)] = Encoding.UTF8.GetString(pair.Value);
        }

        return properties;
    }

    /// <summary>
    /// Finds one property in a stored table without decoding the others. Of several with one name the last holds, as in
    /// <see cref="Decode"/>: brokers add a batch's own properties behind those of each of its messages.
    /// </summary>
    public static bool TryFind(ReadOnlySpan<byte> stored, ReadOnlySpan<byte> utf8Name, out ReadOnlySpan<byte> value)
    {
        var found = false;
        value = default;
        foreach (var pair in new PropertyEnumerator(stored))
        {
            if (pair.Name.SequenceEqual(utf8Name))
            {
                value = pair.Value;
                found = true;
            }
        }

        return found;
    }

    private static void CheckPair(string name, string value)
    {
        Check(name, name.Length > 0 ? name : null, "property name");
        Check(name, value, "property value");
    }

    private static void Check(string name, string? text, string what)
    {
        if (text is null || text.AsSpan().IndexOfAny((char)NameValueSeparator, (char)PropertySeparator) >= 0)
        {
            throw new RocketMQValidationException($"{what} of '{name}'", text, "text without the characters U+0001 and U+0002");
        }
    }
}

internal readonly ref struct PropertyPair(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
{
    public ReadOnlySpan<byte> Name { get; } = name;

    public ReadOnlySpan<byte> Value { get; } = value;
}

/// <summary>Walks over a stored property table in place.</summary>
internal ref struct PropertyEnumerator(ReadOnlySpan<byte> stored)
{
    private ReadOnlySpan<byte> _rest = stored;

    public PropertyPair Current { get; private set; }

    public readonly PropertyEnumerator GetEnumerator() => this;

    public bool MoveNext()
    {
        while (!_rest.IsEmpty)
        {
            var end = _rest.IndexOf(MessageProperties.PropertySeparator);
            var pair = end < 0 ? _rest : _rest[..end];
            _rest = end < 0 ? default : _rest[(end + 1)..];

            var middle = pair.IndexOf(MessageProperties.NameValueSeparator);
            if (middle > 0 && pair.Length >= 3 && middle < pair.Length - 1)
            {
                Current = new PropertyPair(pair[..middle], pair[(middle + 1)..]);
                return true;
            }
        }

        return false;
    }
}

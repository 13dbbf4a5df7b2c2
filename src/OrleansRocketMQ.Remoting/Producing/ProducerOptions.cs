using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Producing;

/// <summary>Settings of a <see cref="Producer"/>. Immutable. Mirrors <c>DefaultMQProducer</c>, whose defaults it takes.</summary>
public sealed record ProducerOptions
{
    /// <summary>The producer's group; members of one group can end each other's transactions.</summary>
    public required string Group { get; init; }

    /// <summary>How long a send may take, all its attempts together. Default 3 s (<c>sendMsgTimeout</c>).</summary>
    public TimeSpan SendTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How often a failed send is tried again on another broker. Default 2 (<c>retryTimesWhenSendFailed</c>).</summary>
    public int RetryTimes { get; init; } = 2;

    /// <summary>Bodies of this many bytes and more are compressed with zlib. Default 4 KiB (<c>compressMsgBodyOverHowmuch</c>).</summary>
    public int CompressBodyFrom { get; init; } = 4 * 1024;

    /// <summary>The largest body, in bytes and before compression. Default 4 MiB (<c>maxMessageSize</c>).</summary>
    public int MaxMessageSize { get; init; } = 4 * 1024 * 1024;

    /// <summary>The topic whose settings a topic made by the first send takes. Default TBW102 (<c>createTopicKey</c>).</summary>
    public string DefaultTopic { get; init; } = SystemTopics.AutoCreateKey;

    /// <summary>How many queues on each broker such a topic gets. Default 4 (<c>defaultTopicQueueNums</c>).</summary>
    public int DefaultTopicQueueNums { get; init; } = 4;

    /// <summary>Whether a message that was stored, but less safely than set up, is sent again to another broker. Default false.</summary>
    public bool RetryWhenNotStoredOk { get; init; }

    /// <summary>Writes the bodies of messages that are sent as values. Default <see cref="JsonMessageSerializer.Default"/>.</summary>
    public IMessageSerializer Serializer { get; init; } = JsonMessageSerializer.Default;

    /// <summary>What stands around each send, the outermost first. Default none.</summary>
    public IReadOnlyList<ISendFilter> Filters { get; init; } = [];

    /// <summary>
    /// Whether messages carry the trace they were sent in (<c>traceparent</c> and what else the process's propagator has) in
    /// their properties, and sends are activities of their own when somebody listens to them; see
    /// <see cref="OrleansRocketMQ.Telemetry.RocketMQTelemetry"/>. A message that has such a property already keeps it. Default true.
    /// </summary>
    public bool PropagateTraceContext { get; init; } = true;

    /// <summary>
    /// Answers brokers that ask how a transaction ended whose end did not reach them: given the half message,
    /// <see cref="TransactionState.Committed"/>, <see cref="TransactionState.RolledBack"/>, or anything else for "not known
    /// yet", which is also what an exception means; the broker asks again then. May be called more than once for a
    /// message, on any thread, and has 30 s. Producers of one group on one client must give the same answers. Null (default): nobody
    /// answers. Mirrors <c>TransactionListener.checkLocalTransaction</c>.
    /// </summary>
    public Func<MessageExt, CancellationToken, ValueTask<TransactionState>>? CheckTransaction { get; init; }

    /// <summary>Checks the settings.</summary>
    /// <exception cref="RocketMQValidationException">One is missing or out of range; the error names it.</exception>
    public void Validate()
    {
        SystemTopics.CheckGroup(Group, "ProducerGroup");
        Connections.SettingRange.CheckTime(nameof(SendTimeout), SendTimeout);
        Check(nameof(RetryTimes), RetryTimes, RetryTimes >= 0, "0 or more");
        Check(nameof(MaxMessageSize), MaxMessageSize, MaxMessageSize > 0, "a positive number of bytes");
        Check(nameof(DefaultTopicQueueNums), DefaultTopicQueueNums, DefaultTopicQueueNums > 0, "a positive number");
    }

    private static void Check(string field, object value, bool valid, string expected)
    {
        if (!valid)
        {
            throw new RocketMQConfigurationException(field, value, expected);
        }
    }
}

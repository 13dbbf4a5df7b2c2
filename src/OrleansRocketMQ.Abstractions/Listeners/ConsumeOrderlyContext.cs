using Orleans;

namespace OrleansRocketMQ;

/// <summary>
/// Where a batch consumed in order comes from, and what the listener wants to happen next. Belongs to the one call it is
/// given to: do not keep it, the next call may get the same object. Mirrors <c>ConsumeOrderlyContext</c>.
/// </summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.ConsumeOrderlyContext")]
public sealed class ConsumeOrderlyContext
{
    [Id(5)]
    private Dictionary<string, string>? _properties;

    /// <summary>Creates a context; the library does it for real calls, tests for theirs.</summary>
    public ConsumeOrderlyContext(string group, MessageQueue queue, int reconsumeTimes = 0, bool autoCommit = true)
    {
        Group = group;
        Queue = queue;
        ReconsumeTimes = reconsumeTimes;
        AutoCommit = autoCommit;
    }

    /// <summary>Makes the context ready for the next batch of the same queue.</summary>
    internal void Reset(int reconsumeTimes, bool autoCommit)
    {
        ReconsumeTimes = reconsumeTimes;
        AutoCommit = autoCommit;
        SuspendCurrentQueueTime = null;
        _properties = null;
    }

    /// <summary>The consumer group.</summary>
    [Id(0)]
    public string Group { get; }

    /// <summary>The queue the batch was pulled from.</summary>
    [Id(1)]
    public MessageQueue Queue { get; }

    /// <summary>
    /// How often the first message of the batch has failed before. Counted on over restarts and moves of the queue where
    /// the silos have grain storage: a provider named <c>RocketMQ</c>, else the default one.
    /// </summary>
    [Id(2)]
    public int ReconsumeTimes { get; private set; }

    /// <summary>
    /// Whether a batch that succeeds may be committed at once. The group's option unless the listener sets it for this
    /// batch; where failing keys are parked, always true.
    /// </summary>
    [Id(3)]
    public bool AutoCommit { get; set; }

    /// <summary>
    /// How long the queue pauses when the batch is to come again; null (default): the group's option. Held between 10 ms and 30 s.
    /// </summary>
    [Id(4)]
    public TimeSpan? SuspendCurrentQueueTime { get; set; }

    /// <summary>Room for whatever the listener and its call filters want to tell each other about the batch.</summary>
    public IDictionary<string, string> Properties => _properties ??= new(StringComparer.Ordinal);

    /// <summary>The topic of <see cref="Queue"/>.</summary>
    public string Topic => Queue.Topic;

    /// <summary>The broker set of <see cref="Queue"/>.</summary>
    public string BrokerName => Queue.BrokerName;

    /// <summary>The number of <see cref="Queue"/>.</summary>
    public int QueueId => Queue.QueueId;

    /// <summary>Which reading of <see cref="Queue"/> the batch belongs to: operators' seeks begin others.</summary>
    [Id(20)]
    public QueueReading Reading { get; internal set; }
}

using Orleans;

namespace OrleansRocketMQ;

/// <summary>
/// Where a batch comes from, and what the listener wants to happen next. Belongs to the one call it is given to: do not
/// keep it, the next call may get the same object.
/// Mirrors <c>ConsumeConcurrentlyContext</c>.
/// </summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.ConsumeContext")]
public sealed class ConsumeContext
{
    /// <summary><see cref="DelayLevelWhenNextConsume"/>: straight to the dead-letter topic.</summary>
    public const int ToDeadLetters = -1;

    [Id(5)]
    private Dictionary<string, string>? _properties;

    /// <summary>Creates a context; the library does it for real calls, tests for theirs.</summary>
    public ConsumeContext(string group, MessageQueue queue, int reconsumeTimes = 0)
    {
        Group = group;
        Queue = queue;
        ReconsumeTimes = reconsumeTimes;
    }

    /// <summary>Makes the context one of a queue.</summary>
    internal void Begin(string group, MessageQueue queue, QueueReading reading)
    {
        Group = group;
        Queue = queue;
        Reading = reading;
    }

    /// <summary>Makes the context ready for the next batch of the same queue.</summary>
    internal void Reset(int reconsumeTimes)
    {
        ReconsumeTimes = reconsumeTimes;
        AckIndex = int.MaxValue;
        DelayLevelWhenNextConsume = 0;
        _properties = null;
    }

    /// <summary>The consumer group.</summary>
    [Id(0)]
    public string Group { get; private set; }

    /// <summary>The queue the batch was pulled from; for retried messages a queue of the %RETRY% topic.</summary>
    [Id(1)]
    public MessageQueue Queue { get; private set; }

    /// <summary>How often the first message of the batch has failed before.</summary>
    [Id(2)]
    public int ReconsumeTimes { get; private set; }

    /// <summary>
    /// With <see cref="ConsumeResult.Success"/>: the index of the last message that succeeded; those behind it come
    /// again. -1: none. Default: all succeeded.
    /// </summary>
    [Id(3)]
    public int AckIndex { get; set; } = int.MaxValue;

    /// <summary>
    /// When failed messages come again: 0 (default) lets the broker decide by the number of failures, 1 to 18 is that
    /// delay level, <see cref="ToDeadLetters"/> gives up on them.
    /// </summary>
    [Id(4)]
    public int DelayLevelWhenNextConsume { get; set; }

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

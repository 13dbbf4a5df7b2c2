using Orleans;

namespace OrleansRocketMQ;

/// <summary>
/// Where a batch comes from, and what the listener wants to happen next. Belongs to the one call it is given to: do not
/// keep it, the next call may get the same object.
/// Mirrors <c>ConsumeConcurrentlyContext</c>.
/// </summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.ConsumeContext")]
public sealed class ConsumeContext : IMessageOutcomes
{
    /// <summary><see cref="DelayLevelWhenNextConsume"/>: straight to the dead-letter topic.</summary>
    public const int ToDeadLetters = -1;

    [Id(5)]
    private Dictionary<string, string>? _properties;

    [NonSerialized]
    private MessageOutcomes? _outcomes;

    [NonSerialized]
    private IRenewable? _call;

    /// <summary>Creates a context; the library does it for real calls, tests for theirs.</summary>
    public ConsumeContext(string group, MessageQueue queue, int reconsumeTimes = 0)
    {
        Group = group;
        Queue = queue;
        ReconsumeTimes = reconsumeTimes;
    }

    /// <summary>Makes the context one of a queue.</summary>
    internal void Begin(string group, MessageQueue queue, QueueReading reading, IRenewable? call = null)
    {
        Group = group;
        Queue = queue;
        Reading = reading;
        _call = call;
    }

    /// <summary>Makes the context ready for the next batch of the same queue.</summary>
    internal void Reset(int reconsumeTimes)
    {
        ReconsumeTimes = reconsumeTimes;
        AckIndex = int.MaxValue;
        DelayLevelWhenNextConsume = 0;
        _properties = null;
        _outcomes = null;
    }

    /// <summary>The same batch is given to the listener once more: what it has said counts no more.</summary>
    internal void CallAgain()
    {
        AckIndex = int.MaxValue;
        DelayLevelWhenNextConsume = 0;
        _outcomes = null;
    }

    /// <summary>Whether anything was said of single messages.</summary>
    internal bool HasOutcomes => Volatile.Read(ref _outcomes) is not null;

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

    /// <summary>Room for what the listener and its filters (<see cref="IConsumeFilter"/>) want to tell each other of the batch.</summary>
    public IDictionary<string, string> Properties => _properties ??= new(StringComparer.Ordinal);

    /// <summary>
    /// The message is a dead letter now, with the reason beside it, whatever the call's result is for the others. A key goes on
    /// once the letter is filed. Of a call that takes too long nothing counts. Thread-safe.
    /// </summary>
    /// <param name="message">A message of the batch.</param>
    /// <param name="reason">Why, for whoever finds the letter; its first 1,024 characters are kept.</param>
    /// <exception cref="ArgumentException">The reason is empty.</exception>
    public void Reject(MessageExt message, string reason) => Say(message, MessageOutcome.Reject(reason));

    /// <summary>
    /// The message comes again after that time, whatever the call's result is for the others; it counts as one more failure of
    /// it. A key is held exactly that long, and its messages behind this one in the batch come again with it. In no order the
    /// broker brings it back, to the second where it has timers (from 5.0 on, up to 3 days), otherwise by the first of its delay
    /// levels (1, 5, 10, 30 s, 1 to 10, 20, 30 min, 1, 2 h) that is not shorter. Of a call that takes too long nothing counts. Thread-safe.
    /// </summary>
    /// <param name="message">A message of the batch.</param>
    /// <param name="time">The time, from the end of the call; what is above 40 days counts as 40 days.</param>
    /// <exception cref="ArgumentOutOfRangeException">The time is negative.</exception>
    public void RetryAfter(MessageExt message, TimeSpan time) => Say(message, MessageOutcome.Retry(time));

    /// <summary>
    /// For long work: from now on the call has the group's <c>ConsumeTimeout</c> once more. Does nothing when the time was over
    /// before; the listener's token tells. Thread-safe.
    /// </summary>
    public void Renew() => _call?.Renew();

    /// <summary>What was said of a message; null when nothing was. Thread-safe.</summary>
    public MessageOutcome? OutcomeOf(MessageExt message) => Volatile.Read(ref _outcomes)?.Of(message);

    private void Say(MessageExt message, MessageOutcome outcome)
    {
        ArgumentNullException.ThrowIfNull(message);
        LazyInitializer.EnsureInitialized(ref _outcomes).Set(message, outcome);
    }

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

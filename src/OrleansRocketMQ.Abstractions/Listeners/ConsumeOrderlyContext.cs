using Orleans;

namespace OrleansRocketMQ;

/// <summary>
/// Where a batch consumed in order comes from, and what the listener wants to happen next. Belongs to the one call it is
/// given to: do not keep it, the next call may get the same object. Mirrors <c>ConsumeOrderlyContext</c>.
/// </summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.ConsumeOrderlyContext")]
public sealed class ConsumeOrderlyContext : IMessageOutcomes
{
    [Id(5)]
    private Dictionary<string, string>? _properties;

    [NonSerialized]
    private MessageOutcomes? _outcomes;

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
        _outcomes = null;
    }

    /// <summary>The same batch is given to the listener once more: what it has said counts no more.</summary>
    internal void CallAgain(bool autoCommit)
    {
        AutoCommit = autoCommit;
        SuspendCurrentQueueTime = null;
        _outcomes = null;
    }

    /// <summary>Whether anything was said of single messages.</summary>
    internal bool HasOutcomes => Volatile.Read(ref _outcomes) is not null;

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

    /// <summary>Room for what the listener and its filters (<see cref="IConsumeFilter"/>) want to tell each other of the batch.</summary>
    public IDictionary<string, string> Properties => _properties ??= new(StringComparer.Ordinal);

    /// <summary>
    /// The message is a dead letter now, with the reason beside it, whatever the call's result is for the others. The queue goes
    /// on once the letter is filed. A rollback takes back what was said. Thread-safe.
    /// </summary>
    /// <param name="message">A message of the batch.</param>
    /// <param name="reason">Why, for whoever finds the letter; its first 1,024 characters are kept.</param>
    /// <exception cref="ArgumentException">The reason is empty.</exception>
    public void Reject(MessageExt message, string reason) => Say(message, MessageOutcome.Reject(reason));

    /// <summary>
    /// The message comes again after exactly that time, with those behind it in the batch; it counts as one more failure of it.
    /// Until then the queue is held, or the key, where failing keys are parked. What is before it is done when the call succeeds.
    /// A rollback takes back what was said. Thread-safe.
    /// </summary>
    /// <param name="message">A message of the batch.</param>
    /// <param name="time">The time, from the end of the call; what is above 40 days counts as 40 days.</param>
    /// <exception cref="ArgumentOutOfRangeException">The time is negative.</exception>
    public void RetryAfter(MessageExt message, TimeSpan time) => Say(message, MessageOutcome.Retry(time));

    /// <summary>For long work. In the order of the queue no call takes too long, so there is nothing to renew: it does nothing.</summary>
    public void Renew()
    {
    }

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

using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Group;
using OrleansRocketMQ.Engine.Queue;

namespace OrleansRocketMQ.Telemetry;

/// <summary>
/// The meter of this silo. What is counted is counted per run of messages or more rarely, the time of processing per call
/// of a listener; what is a level is read from the queues that run here when somebody collects. Without a listener an
/// instrument costs the question whether it has one. Thread-safe.
/// </summary>
internal sealed partial class RocketMQMetrics
{
    public const string Consumed = "messaging.client.consumed.messages";
    public const string ProcessDuration = "messaging.process.duration";
    public const string Retries = "orleans_rocketmq.consumer.retries";
    public const string DeadLetters = "orleans_rocketmq.consumer.dead_letters";
    public const string ParkedMessages = "orleans_rocketmq.consumer.parked_messages";
    public const string UnreadableMessages = "orleans_rocketmq.consumer.unreadable_messages";
    public const string Handling = "orleans_rocketmq.handling";
    public const string PullDuration = "orleans_rocketmq.consumer.pull.duration";
    public const string Rebalances = "orleans_rocketmq.consumer.rebalances";
    public const string CommitFailures = "orleans_rocketmq.consumer.commit.failures";
    public const string CircuitBreaker = "orleans_rocketmq.consumer.circuit_breaker";
    public const string LockLosses = "orleans_rocketmq.consumer.lock.losses";
    public const string PopLate = "orleans_rocketmq.consumer.pop.late";
    public const string Unacknowledged = "orleans_rocketmq.queue.unacknowledged";
    public const string HandOverPause = "orleans_rocketmq.queue.hand_over.pause";
    public const string Lag = "orleans_rocketmq.queue.lag";
    public const string InFlight = "orleans_rocketmq.queue.in_flight";
    public const string CachedMessages = "orleans_rocketmq.queue.cached.messages";
    public const string CachedBytes = "orleans_rocketmq.queue.cached.bytes";

    // As the conventions advise for messaging.process.duration.
    private static readonly InstrumentAdvice<double> ProcessBuckets = new()
    {
        HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
    };

    // A pull may be answered in less than a millisecond, or after the 15 s for which brokers let it wait.
    private static readonly InstrumentAdvice<double> PullBuckets = new()
    {
        HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30],
    };

    private static readonly InstrumentAdvice<double> PauseBuckets = new()
    {
        HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    };

    private readonly ConsumerRegistry _consumers;
    private readonly Measurements _measurements;
    private readonly ConcurrentDictionary<(string Group, string Topic), KeyValuePair<string, object?>[]> _processTags = new();
    private readonly Histogram<double> _processDuration;
    private readonly Counter<long> _unreadable;

    public RocketMQMetrics(IMeterFactory meters, ConsumerRegistry consumers, ILogger<RocketMQMetrics>? logger = null)
    {
        _consumers = consumers;
        ILogger log = logger is null ? NullLogger.Instance : logger;
        _measurements = new((instrument, exception) => Log.ListenerFailed(log, instrument.Name, exception));
        var meter = meters.Create(new MeterOptions(RocketMQTelemetry.MeterName)
        {
            Version = typeof(RocketMQMetrics).Assembly.GetName().Version?.ToString(),
        });
        ConsumedCounter = meter.CreateCounter<long>(
            Consumed, "{message}", "Messages listeners were done with; with error.type those that failed.");
        _processDuration = meter.CreateHistogram(ProcessDuration, "s", "Time a listener took for a batch.", tags: null, ProcessBuckets);
        RetryCounter = meter.CreateCounter<long>(
            Retries, "{message}", "Failed messages that come again: sent back to the broker, or kept where order demands it.");
        DeadLetterCounter = meter.CreateCounter<long>(DeadLetters, "{message}", "Messages that went to the dead letters.");
        ParkedCounter = meter.CreateCounter<long>(ParkedMessages, "{message}", "Messages that were parked because no broker takes them.");
        _unreadable = meter.CreateCounter<long>(
            UnreadableMessages, "{message}", "Messages that typed listeners could not be given: no value of their type.");
        PullHistogram = meter.CreateHistogram(
            PullDuration,
            "s",
            "Time from a pull's request to its messages, waiting for messages to be sent included.",
            tags: null,
            PullBuckets);
        OperationHistogram = OperationDuration.In(meter);
        RebalanceCounter = meter.CreateCounter<long>(
            Rebalances, "{rebalance}", "Changes of the allocation of the group's queues, as this silo saw them.");
        LockLossCounter = meter.CreateCounter<long>(
            LockLosses, "{lock}", "Locks of queues at the broker that were lost while the queue ran here.");
        LateCounter = meter.CreateCounter<long>(
            PopLate, "{message}", "Popped messages that were done when others could have them already: they may come twice.");
        HandOverHistogram = meter.CreateHistogram(
            HandOverPause,
            "s",
            "Time from the end of a queue's work on one silo to its first pull on the next.",
            tags: null,
            PauseBuckets);
        meter.CreateObservableCounter(
            CommitFailures, ObserveCommitFailures, "{commit}", "Attempts to store the progress of a queue that failed.");
        CreateBreakerGauge(meter);
        CreateQueueGauges(meter);
    }

    public Counter<long> ConsumedCounter { get; }

    public Counter<long> RetryCounter { get; }

    public Counter<long> DeadLetterCounter { get; }

    public Counter<long> ParkedCounter { get; }

    public Counter<long> RebalanceCounter { get; }

    public Counter<long> LockLossCounter { get; }

    public Counter<long> LateCounter { get; }

    public Histogram<double> PullHistogram { get; }

    public Histogram<double> OperationHistogram { get; }

    public Histogram<double> HandOverHistogram { get; }

    /// <summary>What all measurements about a group's topic have in common.</summary>
    public static KeyValuePair<string, object?>[] TagsOf(string group, string topic) =>
    [
        new(MessagingAttributes.System, MessagingAttributes.RocketMQ),
        new(MessagingAttributes.ConsumerGroup, group),
        new(MessagingAttributes.Destination, topic),
    ];

    /// <summary>A listener is done with a batch.</summary>
    /// <param name="group">The group.</param>
    /// <param name="topic">The topic the batch was pulled from.</param>
    /// <param name="took">The listener's time.</param>
    /// <param name="errorType">Why it failed; null when it did not.</param>
    public void Processed(string group, string topic, TimeSpan took, string? errorType)
    {
        if (!_processDuration.Enabled)
        {
            return;
        }

        // A group has a handful of topics; nothing else gets in here.
        var tags = _processTags.GetOrAdd(
            (group, topic),
            static key => [.. TagsOf(key.Group, key.Topic), new(MessagingAttributes.OperationName, MessagingAttributes.Process)]);
        Record(_processDuration, took.TotalSeconds, errorType is null ? tags : [.. tags, new(MessagingAttributes.ErrorType, errorType)]);
    }

    /// <summary>A message is no value of the type its listener gets.</summary>
    public void Unreadable(string group, string topic, UnreadableHandling handling)
    {
        if (_unreadable.Enabled)
        {
            Add(_unreadable, 1, [.. TagsOf(group, topic), new(Handling, handling.ToString())]);
        }
    }

    /// <summary>The allocation of the group's queues has changed.</summary>
    public void Rebalanced(string group)
    {
        if (RebalanceCounter.Enabled)
        {
            Add(
                RebalanceCounter,
                1,
                [new(MessagingAttributes.System, MessagingAttributes.RocketMQ), new(MessagingAttributes.ConsumerGroup, group)]);
        }
    }

    /// <summary>Counts.</summary>
    public void Add(Counter<long> counter, long count, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        => _measurements.Add(counter, count, tags);

    /// <summary>Records.</summary>
    public void Record(Histogram<double> histogram, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        => _measurements.Record(histogram, value, tags);

    private IEnumerable<Measurement<long>> ObserveCommitFailures() => _consumers.All.Select(consumer => new Measurement<long>(
        consumer.Statistics.CommitFailures,
        new(MessagingAttributes.System, MessagingAttributes.RocketMQ),
        new KeyValuePair<string, object?>(MessagingAttributes.ConsumerGroup, consumer.Group)));

    private void CreateQueueGauges(Meter meter)
    {
        meter.CreateObservableGauge(
            Lag,
            () => Observe(static pump => pump.Lag),
            "{message}",
            "Messages of a queue not yet consumed; not told while the broker does not answer.");
        meter.CreateObservableGauge(
            Unacknowledged,
            () => Observe(static pump => pump.Unacknowledged),
            "{message}",
            "Messages of a queue that is popped of which the broker has not heard what became of them.");
        meter.CreateObservableGauge(
            InFlight,
            () => Observe(static pump => pump.InFlight),
            "{message}",
            "Messages of a queue that listeners work on.");
        meter.CreateObservableGauge(
            CachedMessages,
            () => Observe(static pump => pump.Runs.Window.Count),
            "{message}",
            "Messages of a queue that were pulled and are not done.");
        meter.CreateObservableGauge(
            CachedBytes,
            () => Observe(static pump => pump.Runs.Window.Bytes),
            "By",
            "Bytes of the bodies of these messages.");
    }

    private void CreateBreakerGauge(Meter meter) => meter.CreateObservableGauge(
        CircuitBreaker,
        ObserveBreakers,
        "{state}",
        "The circuit breaker of a group: 0 closed, 1 trying some messages, 2 open; of several the worst.");

    private IEnumerable<Measurement<long>> ObserveBreakers() => _consumers.All.Select(consumer => new Measurement<long>(
        consumer.Flow.Breakers is not { Count: > 0 } breakers ? 0 : breakers.All(breaker => breaker.IsTrial) ? 1 : 2,
        new(MessagingAttributes.System, MessagingAttributes.RocketMQ),
        new KeyValuePair<string, object?>(MessagingAttributes.ConsumerGroup, consumer.Group)));

    // Only what runs here: in a cluster every queue is told by one silo.
    private IEnumerable<Measurement<long>> Observe(
        Func<IGroupQueue, long?> level) => _consumers.All.SelectMany(consumer => consumer.Pumps.Values
        .Where(pump => pump.HasBegun)
        .Select(pump => (pump, Level: level(pump)))
        .Where(observed => observed.Level is not null)
        .Select(observed => new Measurement<long>(observed.Level!.Value, ((QueueMetrics)observed.pump.Statistics.Metrics!).QueueTags)));

    private static partial class Log
    {
        [LoggerMessage(
            119,
            LogLevel.Error,
            "A listener of the meter failed at {Instrument}. What is measured goes on; more failures of the kind are not told")]
        public static partial void ListenerFailed(ILogger logger, string instrument, Exception exception);
    }
}

using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Retry;

/// <summary>
/// How often messages of a group may fail and how long they wait then: by its options, or as its broker says where that is
/// wanted (<see cref="ConsumerOptions.UseBrokerRetryPolicy"/>). Thread-safe.
/// </summary>
internal sealed class RetryRules(ConsumerOptions options)
{
    private volatile SubscriptionGroupConfig? _broker;

    public ConsumerOptions Options => options;

    /// <summary>What the broker has last said of the group; null: nothing that counts.</summary>
    public SubscriptionGroupConfig? Broker
    {
        get => _broker;
        set => _broker = value;
    }

    /// <summary>How often a message may fail before it is a dead letter.</summary>
    public int MaxReconsumeTimes => _broker?.RetryMaxTimes is { } most ? Math.Max(0, most) : options.MaxReconsumeTimes;

    /// <summary>How long a message waits by its broker's word; null where that has none, and all is as ever.</summary>
    /// <param name="failures">How often it had failed before.</param>
    public TimeSpan? DelayAfter(int failures) => _broker?.GroupRetryPolicy?.DelayAfter(failures);

    /// <summary>The failure with the time by the broker's word, unless its listener has said one.</summary>
    public FailedMessage Timed(FailedMessage failure, int failures)
        => failure is { RetryAfter: null, DelayLevel: 0 } && DelayAfter(failures) is { } wait
            ? failure with { RetryAfter = wait, DelayLevel = DelayLevels.Of(wait) }
            : failure;
}

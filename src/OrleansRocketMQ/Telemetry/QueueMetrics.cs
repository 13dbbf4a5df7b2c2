using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Telemetry;

/// <summary>
/// What one queue of a group adds to the silo's <see cref="RocketMQMetrics"/>. Its tags are made once. Counters tell group
/// and topic only, so that their number does not grow with the queues. Thread-safe.
/// </summary>
internal sealed class QueueMetrics(RocketMQMetrics metrics, string group, MessageQueue queue) : IQueueMetrics
{
    private readonly KeyValuePair<string, object?>[] _tags = RocketMQMetrics.TagsOf(group, queue.Topic);

    // Counted with the group's topic; the conventions want to know which operation it was.
    private readonly KeyValuePair<string, object?>[] _consumed =
        [.. RocketMQMetrics.TagsOf(group, queue.Topic), new(MessagingAttributes.OperationName, MessagingAttributes.Process)];

    private volatile PullTags _pullTags = new(null, []);

    /// <summary>The tags of what is told queue by queue.</summary>
    public KeyValuePair<string, object?>[] QueueTags { get; } =
        [.. RocketMQMetrics.TagsOf(group, queue.Topic), new(MessagingAttributes.Partition, MessagingAttributes.PartitionOf(queue))];

    /// <summary>Messages a listener consumed.</summary>
    public void Succeeded(int messages)
    {
        if (messages > 0 && metrics.ConsumedCounter.Enabled)
        {
            metrics.Add(metrics.ConsumedCounter, messages, _consumed);
        }
    }

    /// <summary>Messages a listener failed on, all for one reason.</summary>
    public void Failed(int messages, string? errorType)
    {
        if (messages > 0 && metrics.ConsumedCounter.Enabled)
        {
            metrics.Add(
                metrics.ConsumedCounter, messages, [.. _consumed, new(MessagingAttributes.ErrorType, errorType ?? ErrorTypes.Other)]);
        }
    }

    /// <summary>Messages a listener failed on, each for its own reason.</summary>
    public void Failed(IReadOnlyList<FailedMessage>? failures)
    {
        for (var index = 0; failures is not null && index < failures.Count;)
        {
            var first = index;
            while (++index < failures.Count && failures[index].ErrorType == failures[first].ErrorType)
            {
            }

            Failed(index - first, failures[first].ErrorType);
        }
    }

    /// <summary>Failed messages that come again.</summary>
    public void Retried(int messages)
    {
        if (metrics.RetryCounter.Enabled)
        {
            metrics.Add(metrics.RetryCounter, messages, _tags);
        }
    }

    /// <summary>Messages that went to the dead letters.</summary>
    public void FiledAsDead(int messages)
    {
        if (metrics.DeadLetterCounter.Enabled)
        {
            metrics.Add(metrics.DeadLetterCounter, messages, _tags);
        }
    }

    /// <summary>A message that no broker takes was parked.</summary>
    public void Parked()
    {
        if (metrics.ParkedCounter.Enabled)
        {
            metrics.Add(metrics.ParkedCounter, 1, _tags);
        }
    }

    /// <summary>A pull from a broker brought messages.</summary>
    public void Pulled(TimeSpan took, string broker)
    {
        if (metrics.PullHistogram.Enabled)
        {
            metrics.Record(metrics.PullHistogram, took.TotalSeconds, _tags);
        }

        if (metrics.OperationHistogram.Enabled)
        {
            metrics.Record(metrics.OperationHistogram, took.TotalSeconds, PullTagsOf(broker));
        }
    }

    /// <summary>A pull from a broker failed.</summary>
    public void PullFailed(TimeSpan took, string broker, Exception error)
    {
        if (metrics.OperationHistogram.Enabled)
        {
            metrics.Record(
                metrics.OperationHistogram,
                took.TotalSeconds,
                [.. PullTagsOf(broker), new(MessagingAttributes.ErrorType, MessagingAttributes.TypeOf(error))]);
        }
    }

    /// <summary>Popped messages were done when others could have them already.</summary>
    public void CameLate(int messages)
    {
        if (metrics.LateCounter.Enabled)
        {
            metrics.Add(metrics.LateCounter, messages, _tags);
        }
    }

    /// <summary>The queue's lock was lost while it ran here.</summary>
    public void LockLost()
    {
        if (metrics.LockLossCounter.Enabled)
        {
            metrics.Add(metrics.LockLossCounter, 1, _tags);
        }
    }

    /// <summary>The queue goes on here after another silo has handed it over.</summary>
    public void TakenOver(TimeSpan pause)
    {
        if (metrics.HandOverHistogram.Enabled)
        {
            metrics.Record(metrics.HandOverHistogram, Math.Max(0, pause.TotalSeconds), _tags);
        }
    }

    // Made anew when the queue is pulled from another broker of its set.
    private KeyValuePair<string, object?>[] PullTagsOf(string broker)
    {
        var known = _pullTags;
        if (known.Broker != broker)
        {
            _pullTags = known = new(broker,
            [
                .. _tags,
                new(MessagingAttributes.OperationName, MessagingAttributes.Pull),
                new(MessagingAttributes.OperationType, MessagingAttributes.Receive),
                .. OperationDuration.TagsOf(broker),
            ]);
        }

        return known.Tags;
    }

    private sealed record PullTags(string? Broker, KeyValuePair<string, object?>[] Tags);
}

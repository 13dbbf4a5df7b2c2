using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Producing;

/// <summary>Chooses the queue of a message. Must be thread-safe. Mirrors <c>MessageQueueSelector</c>.</summary>
public interface IQueueSelector
{
    /// <summary>Chooses one of the queues.</summary>
    /// <param name="queues">The topic's writable queues in order; at least one.</param>
    /// <param name="message">The message to send.</param>
    /// <param name="argument">What the sender gave along.</param>
    MessageQueue Select(IReadOnlyList<MessageQueue> queues, Message message, object? argument);
}

/// <summary>One queue after the other. Mirrors <c>TopicPublishInfo.selectOneMessageQueue</c>.</summary>
public sealed class RoundRobinSelector : IQueueSelector
{
    // Producers begin at different queues, so that the first ones do not get the first message of everybody.
    private int _last = Random.Shared.Next();

    /// <inheritdoc/>
    public MessageQueue Select(IReadOnlyList<MessageQueue> queues, Message message, object? argument)
    {
        ArgumentNullException.ThrowIfNull(queues);
        return queues[(int)((uint)Interlocked.Increment(ref _last) % (uint)queues.Count)];
    }

    /// <summary>
    /// The next queue that is on neither the given nor a failing broker; else on another than the given; else the next
    /// queue.
    /// </summary>
    /// <param name="queues">The topic's writable queues.</param>
    /// <param name="message">The message to send.</param>
    /// <param name="brokerName">The broker to avoid.</param>
    /// <param name="brokerOf">Which broker a queue is on just now; null: none.</param>
    /// <param name="isFailing">Whether a broker fails.</param>
    internal MessageQueue SelectAvoiding(
        IReadOnlyList<MessageQueue> queues,
        Message message,
        string? brokerName,
        Func<MessageQueue, string?> brokerOf,
        Func<string, bool>? isFailing = null)
    {
        var queue = Select(queues, message, null);
        MessageQueue? lastResort = null;
        for (var attempt = 0; attempt < queues.Count; attempt++)
        {
            if (brokerOf(queue) is { } broker && broker != brokerName)
            {
                if (isFailing is null || !isFailing(broker))
                {
                    return queue;
                }

                lastResort ??= queue;
            }

            queue = Select(queues, message, null);
        }

        return lastResort ?? queue;
    }
}

/// <summary>Any queue. Mirrors <c>SelectMessageQueueByRandom</c>.</summary>
public sealed class RandomSelector : IQueueSelector
{
    /// <inheritdoc/>
    public MessageQueue Select(IReadOnlyList<MessageQueue> queues, Message message, object? argument)
    {
        ArgumentNullException.ThrowIfNull(queues);
        return queues[Random.Shared.Next(queues.Count)];
    }
}

/// <summary>
/// The same queue for the same key, as long as the number of queues stays the same: that of Java's producer for the same
/// key. The key is the argument, else the message's sharding key, else its keys. Mirrors <c>SelectMessageQueueByHash</c>.
/// </summary>
public sealed class HashSelector : IQueueSelector
{
    /// <inheritdoc/>
    /// <exception cref="RocketMQValidationException">There is no key.</exception>
    public MessageQueue Select(IReadOnlyList<MessageQueue> queues, Message message, object? argument)
    {
        ArgumentNullException.ThrowIfNull(queues);
        ArgumentNullException.ThrowIfNull(message);
        var key = argument ?? message.ShardingKey ?? message.Keys
            ?? throw new RocketMQValidationException(
                nameof(Message.ShardingKey), null, "a sharding key, keys or an argument to choose the queue by");
        // A remainder is never int.MinValue, so its absolute value always exists.
        return queues[Math.Abs(HashOf(key) % queues.Count)];
    }

    // hashCode() of the Java types that go with these.
    private static int HashOf(object key) => key switch
    {
        int number => number,
        long number => (int)(number ^ (number >>> 32)),
        bool truth => truth ? 1231 : 1237,
        _ => JavaString.HashCode(key.ToString() ?? string.Empty),
    };
}

using Orleans;

namespace OrleansRocketMQ;

/// <summary>
/// Which messages a grain's state has the effects of: kept beside the state and written in the same write, it tells the messages
/// that come again from those that do not, so that each has its effect once. For listeners that get messages in order: by
/// key or by queue. Not thread-safe.
/// </summary>
/// <remarks>
/// <para>
/// The messages of a key come from a queue in the order of their offsets, and one that fails holds up all behind it. So all
/// that a grain has had of a queue lies between two offsets, and these two say enough: a few numbers for each queue it ever
/// got a message from, however many messages. Queues are told apart by topic, broker set and number; a key whose messages
/// come from other queues since the topic has more of them, or again through %RETRY%, has an entry for each.
/// </para>
/// <para>
/// A topic that was deleted and made anew begins at offset 0 again. Its messages are recognised by their places in the
/// broker's commit log, which never go back, and those of a broker that has lost its store by their times: they are new.
/// </para>
/// <para>
/// A seek of an operator moves the queue, not what grains hold: what has had its effect does not have it again, and what a
/// seek forward had left out has it when another one goes back. Where effects are to run again the seek says so
/// (<see cref="SeekTarget.EffectsAgain"/>).
/// </para>
/// </remarks>
[GenerateSerializer]
[Alias("OrleansRocketMQ.ProcessedOffsets")]
public sealed class ProcessedOffsets
{
    /// <summary>What is known of each queue; the setter is for storages.</summary>
    [Id(0)]
    public List<ProcessedQueue> Queues { get; set; } = [];

    /// <summary>Takes in a message, if it is not in yet.</summary>
    /// <param name="message">The message.</param>
    /// <param name="context">Where it comes from.</param>
    /// <returns>True when it is new: its effect belongs into the state. False when its effect is there.</returns>
    public bool TryAdd(MessageExt message, ConsumeContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return TryAdd(message, context.Queue, context.Reading);
    }

    /// <inheritdoc cref="TryAdd(MessageExt, ConsumeContext)"/>
    public bool TryAdd(MessageExt message, ConsumeOrderlyContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return TryAdd(message, context.Queue, context.Reading);
    }

    /// <summary>Takes in a message, if it is not in yet.</summary>
    /// <param name="message">The message.</param>
    /// <param name="queue">The queue it was pulled from.</param>
    /// <param name="reading">The reading of that queue it belongs to.</param>
    /// <returns>True when it is new: its effect belongs into the state. False when its effect is there.</returns>
    public bool TryAdd(MessageExt message, MessageQueue queue, QueueReading reading)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(queue);
        var known = Queues.Find(entry => entry.Is(queue));
        if (known is null)
        {
            Queues.Add(known = new() { Topic = queue.Topic, Broker = queue.BrokerName, QueueId = queue.QueueId });
        }

        return known.TryAdd(message, reading);
    }
}

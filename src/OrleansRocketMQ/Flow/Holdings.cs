namespace OrleansRocketMQ.Flow;

/// <summary>
/// The budgets a queue takes part in: its group's messages, its topic's messages and bytes, the silo's bytes. Told per
/// pull and per run of messages that are done, never per message.
/// </summary>
/// <param name="Group">Messages of the group on this silo.</param>
/// <param name="Topic">Messages of the topic on this silo.</param>
/// <param name="TopicBytes">Bytes of the topic on this silo.</param>
/// <param name="SiloBytes">Bytes of all groups on this silo.</param>
internal sealed record QueueBudgets(SharedBudget Group, SharedBudget Topic, SharedBudget TopicBytes, SharedBudget SiloBytes)
{
    /// <summary>Budgets that are never used up.</summary>
    public static QueueBudgets Unlimited { get; } = new(new(long.MaxValue), new(long.MaxValue), new(long.MaxValue), new(long.MaxValue));
}

/// <summary>What one queue holds of its budgets; gives everything back when the queue ends. Thread-safe.</summary>
internal sealed class Holdings(QueueBudgets budgets)
{
    private readonly Lock _gate = new();
    private long _messages;
    private long _bytes;
    private bool _closed;

    public void Add(int messages, long bytes)
    {
        lock (_gate)
        {
            if (_closed)
            {
                return;
            }

            _messages += messages;
            _bytes += bytes;
        }

        budgets.Group.Add(messages);
        budgets.Topic.Add(messages);
        budgets.TopicBytes.Add(bytes);
        budgets.SiloBytes.Add(bytes);
    }

    public void Remove(int messages, long bytes)
    {
        lock (_gate)
        {
            // What a listener ends after the queue has gone was given back with the queue.
            if (_closed)
            {
                return;
            }

            _messages -= messages;
            _bytes -= bytes;
        }

        GiveBack(messages, bytes);
    }

    /// <summary>The queue ends: what it still holds goes with it.</summary>
    public void Close()
    {
        long messages, bytes;
        lock (_gate)
        {
            _closed = true;
            (messages, bytes) = (_messages, _bytes);
            (_messages, _bytes) = (0, 0);
        }

        GiveBack(messages, bytes);
    }

    private void GiveBack(long messages, long bytes)
    {
        budgets.Group.Remove(messages);
        budgets.Topic.Remove(messages);
        budgets.TopicBytes.Remove(bytes);
        budgets.SiloBytes.Remove(bytes);
    }
}

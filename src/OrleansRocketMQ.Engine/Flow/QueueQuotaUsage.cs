namespace OrleansRocketMQ.Engine.Flow;

/// <summary>
/// The budgets a queue takes part in: its group's messages, its topic's messages and bytes, the silo's bytes. Told per
/// pull and per run of messages that are done, never per message.
/// </summary>
/// <param name="Group">Messages of the group on this silo.</param>
/// <param name="Topic">Messages of the topic on this silo.</param>
/// <param name="TopicBytes">Bytes of bodies of the topic on this silo, as Java counts them.</param>
/// <param name="SiloBytes">Bytes that all groups on this silo hold: whole pulls, until their last message is done.</param>
internal sealed record QueueQuotas(SharedQuota Group, SharedQuota Topic, SharedQuota TopicBytes, SharedQuota SiloBytes);

/// <summary>What one queue holds of its budgets; gives everything back when the queue ends. Thread-safe.</summary>
internal sealed class QueueQuotaUsage(QueueQuotas budgets)
{
    private readonly Lock _gate = new();
    private long _messages;
    private long _bytes;
    private long _held;
    private bool _closed;

    /// <summary>The queue holds more.</summary>
    /// <param name="messages">Messages.</param>
    /// <param name="bytes">Bytes of their bodies.</param>
    /// <param name="held">Bytes that stay in memory for them.</param>
    public void Add(int messages, long bytes, long held)
    {
        lock (_gate)
        {
            if (_closed)
            {
                return;
            }

            _messages += messages;
            _bytes += bytes;
            _held += held;
        }

        budgets.Group.Add(messages);
        budgets.Topic.Add(messages);
        budgets.TopicBytes.Add(bytes);
        budgets.SiloBytes.Add(held);
    }

    /// <summary>The queue holds less; see <see cref="Add"/>.</summary>
    public void Remove(int messages, long bytes, long held)
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
            _held -= held;
        }

        GiveBack(messages, bytes, held);
    }

    /// <summary>The queue ends: what it still holds goes with it.</summary>
    public void Close()
    {
        long messages, bytes, held;
        lock (_gate)
        {
            _closed = true;
            (messages, bytes, held) = (_messages, _bytes, _held);
            (_messages, _bytes, _held) = (0, 0, 0);
        }

        GiveBack(messages, bytes, held);
    }

    private void GiveBack(long messages, long bytes, long held)
    {
        budgets.Group.Remove(messages);
        budgets.Topic.Remove(messages);
        budgets.TopicBytes.Remove(bytes);
        if (held > 0)
        {
            budgets.SiloBytes.Remove(held);
        }
    }
}

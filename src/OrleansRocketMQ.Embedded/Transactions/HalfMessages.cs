using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using OrleansRocketMQ.Embedded.Intake;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Embedded.Topics;

namespace OrleansRocketMQ.Embedded.Transactions;

/// <summary>A half message whose fate is not known.</summary>
internal sealed class OpenTransaction(long logOffset, long queueOffset, long storedAt)
{
    public long LogOffset { get; } = logOffset;

    public long QueueOffset { get; } = queueOffset;

    public long StoredAt { get; } = storedAt;

    /// <summary>How often its producer has been asked.</summary>
    public int Checks { get; set; }
}

/// <summary>
/// Messages of transactions until these end: kept in a topic of the broker's own, beside a second one that tells which
/// have ended. Mirrors <c>TransactionalMessageBridge</c>. Thread-safe.
/// </summary>
internal sealed class HalfMessages
{
    private static readonly TopicQueue HalfQueue = new(ReservedTopics.HalfTopic, 0);
    private static readonly TopicQueue OperationQueue = new(ReservedTopics.HalfOperationsTopic, 0);

    private readonly ConcurrentDictionary<long, OpenTransaction> _open = new();
    private readonly MessageIntake _intake;
    private readonly MessageStore _store;

    public HalfMessages(MessageIntake intake, MessageStore store)
    {
        _intake = intake;
        _store = store;
        Recover();
    }

    public IReadOnlyCollection<OpenTransaction> Open => [.. _open.Values];

    public bool TryPut(OutgoingMessage message, out Placement placement)
    {
        if (message.Properties.TryGetValue(MessageProperties.UniqueKey, out var id))
        {
            message.Properties[MessageProperties.TransactionId] = id;
        }

        message.Properties[MessageProperties.RealTopic] = message.Topic;
        message.Properties[MessageProperties.RealQueueId] = message.QueueId.ToString(CultureInfo.InvariantCulture);
        message.SysFlag &= ~MessageSysFlag.TransactionMask;
        message.Topic = HalfQueue.Topic;
        message.QueueId = 0;
        message.DelayLevel = 0;
        if (!_intake.TryPut(message, out placement))
        {
            return false;
        }

        _open[placement.LogOffset] = new(placement.LogOffset, placement.QueueOffset, placement.StoreTimestamp);
        return true;
    }

    /// <summary>Notes that a half message needs no more care.</summary>
    public void Remove(MessageExt half)
    {
        if (!_open.TryRemove(half.CommitLogOffset, out _))
        {
            return;
        }

        _intake.TryPut(
            new()
            {
                Topic = OperationQueue.Topic,
                QueueId = 0,
                Body = Encoding.UTF8.GetBytes(half.QueueOffset.ToString(CultureInfo.InvariantCulture) + ","),
                Properties = new(StringComparer.Ordinal) { [MessageProperties.Tags] = "d" },
                BornTimestamp = _store.Now,
                BornHost = half.StoreHost,
            },
            out _);
    }

    /// <summary>A half message is no longer there.</summary>
    public void Forget(OpenTransaction transaction) => _open.TryRemove(transaction.LogOffset, out _);

    private void Recover()
    {
        var ended = new HashSet<long>();
        for (var offset = _store.MinOffset(OperationQueue); offset < _store.MaxOffset(OperationQueue); offset++)
        {
            if (_store.TryGet(OperationQueue, offset, out _, out var record))
            {
                var body = Encoding.UTF8.GetString(RecordLayout.Body(record.Span));
                ended.UnionWith(
                    from text in body.Split(',', StringSplitOptions.RemoveEmptyEntries)
                    where long.TryParse(text, CultureInfo.InvariantCulture, out _)
                    select long.Parse(text, CultureInfo.InvariantCulture));
            }
        }

        for (var offset = _store.MinOffset(HalfQueue); offset < _store.MaxOffset(HalfQueue); offset++)
        {
            if (!ended.Contains(offset) && _store.TryGet(HalfQueue, offset, out var entry, out _))
            {
                _open[entry.LogOffset] = new(entry.LogOffset, offset, entry.StoreTime);
            }
        }
    }
}

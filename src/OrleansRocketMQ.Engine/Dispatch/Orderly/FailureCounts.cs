using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Dispatch.Orderly;

/// <summary>
/// Counts how often each unfinished message of an orderly queue has failed, and keeps the counts in grain storage, so
/// that neither a restart nor a move of the queue begins to count again. Storage is written when a message fails and when
/// such a message is done, never otherwise; while it is away counts are kept in memory and consuming goes on.
/// Changed by the queue's loop only; may be read by anybody.
/// </summary>
internal sealed partial class FailureCounts(
    IRecordStorage<FailureList>? storage, MessageQueue queue, TimeSpan storageTimeout, EngineRuntime runtime, ILogger logger)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<long, MessageFailures> _byOffset = [];
    private IStoredRecord<FailureList>? _stored;
    private bool _isRead;
    private bool _isChanged;

    /// <summary>Whether any unfinished message has failed. False nearly always, so that those that do not fail cost nothing.</summary>
    public bool Any { get; private set; }

    /// <summary>The counts, by offset.</summary>
    public IReadOnlyList<MessageFailures> Snapshot
    {
        get
        {
            lock (_gate)
            {
                return [.. _byOffset.Values.OrderBy(failures => failures.Offset)];
            }
        }
    }

    /// <summary>How often a message has failed, in this queue and before it came here.</summary>
    public int Of(MessageExt message)
        => Any && _byOffset.TryGetValue(message.QueueOffset, out var known) && known.MessageId == message.MessageId
            ? message.ReconsumeTimes + known.Count
            : message.ReconsumeTimes;

    /// <summary>When a message failed first; null when it has not, or nobody knows.</summary>
    public DateTimeOffset? FirstOf(MessageExt message)
        => Any && _byOffset.TryGetValue(message.QueueOffset, out var known) && known.MessageId == message.MessageId ? known.First : null;

    /// <summary>A message has failed once more.</summary>
    public void Count(MessageExt message)
    {
        lock (_gate)
        {
            var before = Of(message) - message.ReconsumeTimes;
            _byOffset[message.QueueOffset] = new(message.QueueOffset, message.MessageId, before + 1)
            {
                First = Of(message) == 0 ? runtime.Time.GetUtcNow() : FirstOf(message),
            };
            Any = true;
            _isChanged = true;
        }
    }

    /// <summary>Messages are done.</summary>
    public void Forget(ReadOnlySpan<MessageExt> messages)
    {
        if (!Any)
        {
            return;
        }

        lock (_gate)
        {
            foreach (var message in messages)
            {
                _isChanged |= _byOffset.Remove(message.QueueOffset);
            }

            Any = _byOffset.Count > 0;
        }
    }

    /// <summary>Reads the counts of the messages from an offset on: the queue begins there.</summary>
    public async Task BeginAsync(long offset)
    {
        lock (_gate)
        {
            _byOffset.Clear();
            (Any, _isChanged, _isRead) = (false, false, false);
        }

        try
        {
            await ReadAsync(offset);
        }
        catch (Exception exception)
        {
            Log.ReadFailed(logger, queue, exception);
        }
    }

    /// <summary>Writes the counts if they have changed. Never throws: what could not be written is written with the next change.</summary>
    /// <param name="look">Looks how far the queue is; what is stored of messages that are done meanwhile is forgotten.</param>
    public async Task SaveAsync(Func<AckSnapshot>? look = null)
    {
        if (!_isChanged)
        {
            return;
        }

        try
        {
            if (!_isRead)
            {
                await ReadAsync(offset: 0, look);
            }

            await WriteAsync();
            _isChanged = false;
        }
        catch (Exception exception)
        {
            // Somebody else may have written, or our own write may have arrived after all: look before the next one.
            _isRead = false;
            Log.WriteFailed(logger, queue, exception);
        }
    }

    private async Task ReadAsync(long offset, Func<AckSnapshot>? look = null)
    {
        if (storage is not null)
        {
            _stored = null;
            await GiveUpInTimeAsync(async token => _stored = await storage.ReadAsync(queue, token));
        }

        var progress = look?.Invoke();
        lock (_gate)
        {
            foreach (var known in _stored?.Value?.Messages ?? [])
            {
                if (known.Offset >= offset
                    && progress?.IsDone(known.Offset) != true
                    && (!_byOffset.TryGetValue(known.Offset, out var here) || here.Count < known.Count))
                {
                    _byOffset[known.Offset] = known;
                }
            }

            Any = _byOffset.Count > 0;
        }

        _isRead = true;
    }

    private Task WriteAsync()
    {
        if (_stored is not { } stored)
        {
            return Task.CompletedTask;
        }

        var failures = new FailureList(Snapshot);
        return GiveUpInTimeAsync(token => Any ? stored.WriteAsync(failures, token) : stored.ClearAsync(token));
    }

    private Task GiveUpInTimeAsync(Func<CancellationToken, Task> work)
        => StorageTime.LimitAsync(work, storageTimeout, runtime, CancellationToken.None);

    private static partial class Log
    {
        [LoggerMessage(
            189,
            LogLevel.Warning,
            "The failure counts of {Queue} could not be read; messages that failed before are counted anew")]
        public static partial void ReadFailed(ILogger logger, MessageQueue queue, Exception exception);

        [LoggerMessage(
            190,
            LogLevel.Warning,
            "The failure counts of {Queue} could not be written; they are kept in memory and written with the next change")]
        public static partial void WriteFailed(ILogger logger, MessageQueue queue, Exception exception);
    }
}

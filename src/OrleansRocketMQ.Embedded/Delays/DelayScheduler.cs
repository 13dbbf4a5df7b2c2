using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Embedded.Intake;
using OrleansRocketMQ.Embedded.Sends;
using OrleansRocketMQ.Embedded.Settings;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Delays;

/// <summary>
/// Delivers delayed messages to their topics when their time has come: a queue per level, each in the order of storing,
/// so that only its first message has to be waited for. Mirrors <c>ScheduleMessageService</c>.
/// </summary>
internal sealed partial class DelayScheduler : IDisposable
{
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(1);

    private readonly MessageStore _store;
    private readonly MessageIntake _intake;
    private readonly DelayLevels _levels;
    private readonly ILogger _logger;
    private readonly Level[] _waiting;
    private bool _disposed;

    public DelayScheduler(
        MessageStore store,
        MessageIntake intake,
        DelayLevels levels,
        IReadOnlyDictionary<int, long> delivered,
        TimeProvider time,
        ILogger logger)
    {
        _store = store;
        _intake = intake;
        _levels = levels;
        _logger = logger;
        _waiting = [.. Enumerable.Range(1, levels.Max).Select(level => new Level(this, level, delivered.GetValueOrDefault(level), time))];
        store.Arrived += OnArrived;
        foreach (var level in _waiting)
        {
            Deliver(level);
        }
    }

    /// <summary>Up to where each level has been delivered; kept, so that a restart goes on from there.</summary>
    public IReadOnlyDictionary<int, long> Delivered => _waiting.ToDictionary(level => level.Number, level => level.NextOffset);

    /// <summary>
    /// How many messages wait to come to a topic. One that comes just now may still be counted, but is never missed here
    /// and in its topic alike.
    /// </summary>
    /// <param name="store">Where they wait.</param>
    /// <param name="delivered">Up to where each level has been delivered.</param>
    /// <param name="topic">Where they are to come.</param>
    public static int Waiting(MessageStore store, IReadOnlyDictionary<int, long> delivered, string topic)
    {
        var waiting = 0;
        foreach (var (level, next) in delivered)
        {
            var queue = new TopicQueue(SystemTopics.Schedule, level - 1);
            for (var offset = Math.Max(next, store.MinOffset(queue)); offset < store.MaxOffset(queue); offset++)
            {
                if (store.TryGet(queue, offset, out _, out var record) && RealTopicOf(record) == topic)
                {
                    waiting++;
                }
            }
        }

        return waiting;
    }

    /// <summary>Where a stored message is to come, without decoding all of it; null when it does not say so.</summary>
    public static string? RealTopicOf(ReadOnlyMemory<byte> record)
        => MessageProperties.TryFind(RecordLayout.Properties(record.Span), "REAL_TOPIC"u8, out var topic)
            ? Encoding.UTF8.GetString(topic)
            : null;

    public void Dispose()
    {
        _store.Arrived -= OnArrived;
        foreach (var level in _waiting)
        {
            lock (level.Gate)
            {
                _disposed = true;
                level.Timer.Dispose();
            }
        }
    }

    private void OnArrived(TopicQueue queue, long queueOffset, int tagHash, ReadOnlyMemory<byte> record)
    {
        if (queue.Topic == SystemTopics.Schedule && queue.QueueId < _waiting.Length)
        {
            Deliver(_waiting[queue.QueueId]);
        }
    }

    private void Deliver(Level level)
    {
        lock (level.Gate)
        {
            try
            {
                DeliverDue(level);
            }
            catch (Exception exception)
            {
                // Called by a timer, whose failure would end the process, and by sends, which are stored already.
                Log.DeliveryFailed(_logger, level.Number, level.NextOffset, exception);
                if (!_disposed)
                {
                    level.Timer.Change(PauseAfterFailure, Timeout.InfiniteTimeSpan);
                }
            }
        }
    }

    private void DeliverDue(Level level)
    {
        while (!_disposed && TryFirst(level, out var entry, out var record))
        {
            var due = entry.StoreTime + (long)_levels[level.Number].TotalMilliseconds;
            if (DueTimer.Waits(level.Timer, due, _store))
            {
                return;
            }

            if (TryRead(level, record) is { } message && !TryPut(message))
            {
                Log.NotDelivered(_logger, level.Number, level.NextOffset);
            }

            level.NextOffset++;
        }
    }

    private bool TryFirst(Level level, out IndexEntry entry, out ReadOnlyMemory<byte> record)
    {
        if (_store.MinOffset(level.Queue) is var min && min > level.NextOffset)
        {
            Log.Gone(_logger, min - level.NextOffset, level.Number);
            level.NextOffset = min;
        }

        while (!_store.TryGet(level.Queue, level.NextOffset, out entry, out record))
        {
            if (level.NextOffset >= _store.MaxOffset(level.Queue))
            {
                return false;
            }

            // One whose record was damaged must not hold up those behind it.
            level.NextOffset++;
        }

        return true;
    }

    // What cannot be read today cannot be read tomorrow: it must not hold up those behind it.
    private OutgoingMessage? TryRead(Level level, ReadOnlyMemory<byte> record)
    {
        try
        {
            return Due(record);
        }
        catch (Exception exception)
        {
            Log.Unreadable(_logger, level.Number, level.NextOffset, exception);
            return null;
        }
    }

    private bool TryPut(OutgoingMessage message)
    {
        try
        {
            return _intake.TryPut(message, out _);
        }
        catch (RocketMQValidationException)
        {
            return false;
        }
    }

    // DELAY, REAL_TOPIC and REAL_QID stay among the properties, as they do in RocketMQ.
    public static OutgoingMessage Due(ReadOnlyMemory<byte> record)
    {
        var stored = RecordLayout.Decode(record);
        var topic = stored.GetProperty(MessageProperties.RealTopic)
            ?? throw new MessageFormatException(MessageProperties.RealTopic, "nothing", "a topic");
        var queueId = int.Parse(stored.GetProperty(MessageProperties.RealQueueId)!, CultureInfo.InvariantCulture);
        return OutgoingMessage.From(stored, RecordLayout.BodyMemory(record), topic, queueId, stored.ReconsumeTimes);
    }

    private sealed class Level
    {
        public Level(DelayScheduler owner, int number, long nextOffset, TimeProvider time)
        {
            Number = number;
            NextOffset = nextOffset;
            Queue = new(SystemTopics.Schedule, number - 1);
            Timer = time.CreateTimer(_ => owner.Deliver(this), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        public Lock Gate { get; } = new();

        public int Number { get; }

        public TopicQueue Queue { get; }

        public long NextOffset { get; set; }

        public ITimer Timer { get; }
    }

    private static partial class Log
    {
        [LoggerMessage(143, LogLevel.Error,
            "{Count} delayed messages of level {Level} were dropped with the oldest messages before their time had come")]
        public static partial void Gone(ILogger logger, long count, int level);

        [LoggerMessage(142, LogLevel.Error, "Delayed message {Offset} of level {Level} cannot be read and is left out")]
        public static partial void Unreadable(ILogger logger, int level, long offset, Exception exception);

        [LoggerMessage(141, LogLevel.Error, "Delayed message {Offset} of level {Level} could not be delivered; it will be tried again")]
        public static partial void DeliveryFailed(ILogger logger, int level, long offset, Exception exception);

        [LoggerMessage(140, LogLevel.Error, "Delayed message {Offset} of level {Level} cannot be stored again and is lost")]
        public static partial void NotDelivered(ILogger logger, int level, long offset);
    }
}

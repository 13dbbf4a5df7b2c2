using System.Globalization;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Embedded.Intake;
using OrleansRocketMQ.Embedded.Sends;
using OrleansRocketMQ.Embedded.Store;

namespace OrleansRocketMQ.Embedded.Delays;

/// <summary>Delivers messages whose time is their own, in the order of their times. Mirrors <c>TimerMessageStore</c>.</summary>
internal sealed partial class TimerScheduler : IDisposable
{
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly PriorityQueue<long, (long Due, long Offset)> _waiting = new();
    // What messages of a time say is not to come then; they lie behind those they name and wait like them.
    private readonly HashSet<(long Due, string Key)> _recalled = [];
    private readonly MessageStore _store;
    private readonly MessageIntake _intake;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private readonly long _firstArriving;
    private long _delivered;
    private bool _disposed;

    public TimerScheduler(MessageStore store, MessageIntake intake, long delivered, TimeProvider time, ILogger logger)
    {
        _store = store;
        _intake = intake;
        _delivered = delivered;
        _logger = logger;
        _timer = time.CreateTimer(
            static self => ((TimerScheduler)self!).Deliver(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        lock (_gate)
        {
            // A broker listens before it delivers: what arrives meanwhile waits for the lock, and is either found here or put in there.
            store.Arrived += OnArrived;
            _firstArriving = store.MaxOffset(TimerProperties.Queue);
            foreach (var (offset, due, _) in Waiting(store, delivered).TakeWhile(message => message.Offset < _firstArriving))
            {
                Wait(offset, due, store.TryGet(TimerProperties.Queue, offset, out _, out var record) ? record : default);
            }
        }

        Deliver();
    }

    /// <summary>All whose time is not after this have been delivered; kept, so that a restart goes on from there.</summary>
    public long Delivered => Interlocked.Read(ref _delivered);

    /// <summary>The messages that wait. What comes just now may still be among them.</summary>
    /// <param name="store">Where they wait.</param>
    /// <param name="delivered">See <see cref="Delivered"/>.</param>
    public static IEnumerable<(long Offset, long Due, string? Topic)> Waiting(MessageStore store, long delivered)
    {
        for (var offset = store.MinOffset(TimerProperties.Queue); offset < store.MaxOffset(TimerProperties.Queue); offset++)
        {
            // A clock that was set back makes times that lie before those delivered; their messages were stored afterwards.
            if (store.TryGet(TimerProperties.Queue, offset, out var entry, out var record)
                && TimerProperties.DueOf(record) is { } due
                && (due > delivered || entry.StoreTime >= delivered))
            {
                yield return (offset, due, DelayScheduler.RealTopicOf(record));
            }
        }
    }

    public void Dispose()
    {
        _store.Arrived -= OnArrived;
        lock (_gate)
        {
            _disposed = true;
            _timer.Dispose();
        }
    }

    private void OnArrived(TopicQueue queue, long queueOffset, int tagHash, ReadOnlyMemory<byte> record)
    {
        if (queue != TimerProperties.Queue || TimerProperties.DueOf(record) is not { } due)
        {
            return;
        }

        lock (_gate)
        {
            if (queueOffset >= _firstArriving)
            {
                Wait(queueOffset, due, record);
            }
        }

        Deliver();
    }

    private void Wait(long offset, long due, ReadOnlyMemory<byte> record)
    {
        _waiting.Enqueue(offset, (due, offset));
        if (TimerProperties.DeletedBy(record) is { } recalled)
        {
            _recalled.Add((due, recalled));
        }
    }

    private void Deliver()
    {
        lock (_gate)
        {
            try
            {
                DeliverDue();
            }
            catch (Exception exception)
            {
                // Called by a timer, whose failure would end the process, and by sends, which are stored already.
                Log.DeliveryFailed(_logger, exception);
                if (!_disposed)
                {
                    _timer.Change(PauseAfterFailure, Timeout.InfiniteTimeSpan);
                }
            }
        }
    }

    private void DeliverDue()
    {
        while (!_disposed && _waiting.TryPeek(out var offset, out var place))
        {
            if (DueTimer.Waits(_timer, place.Due, _store))
            {
                return;
            }

            Deliver(offset, place.Due);
            _waiting.Dequeue();

            // Others of the same time have not been delivered yet.
            var isLast = !_waiting.TryPeek(out _, out var next) || next.Due > place.Due;
            Interlocked.Exchange(ref _delivered, Math.Max(_delivered, isLast ? place.Due : place.Due - 1));
        }
    }

    private void Deliver(long offset, long due)
    {
        if (!_store.TryGet(TimerProperties.Queue, offset, out _, out var record))
        {
            Log.Gone(_logger, offset);
            return;
        }

        if (TimerProperties.DeletedBy(record) is { } recalled)
        {
            // It lies behind the one it names, whose turn has been.
            _recalled.Remove((due, recalled));
            return;
        }

        OutgoingMessage message;
        try
        {
            message = Due(record);
        }
        catch (Exception exception)
        {
            Log.Unreadable(_logger, offset, exception);
            return;
        }

        if (message.Properties.TryGetValue(MessageProperties.UniqueKey, out var key)
            && _recalled.Contains((due, TimerProperties.DeleteKeyOf(message.Topic, key))))
        {
            return;
        }

        if (!_intake.TryPut(message, out _))
        {
            Log.NotDelivered(_logger, offset);
        }
    }

    /// <summary>The message for its own topic. The names of where it was to come stay, as in RocketMQ.</summary>
    private OutgoingMessage Due(ReadOnlyMemory<byte> record)
    {
        var message = DelayScheduler.Due(record);
        message.Properties["TIMER_ENQUEUE_MS"] = RecordLayout.Decode(record).StoreTimestamp.ToString(CultureInfo.InvariantCulture);
        message.Properties["TIMER_DEQUEUE_MS"] = _store.Now.ToString(CultureInfo.InvariantCulture);
        return message;
    }

    private static partial class Log
    {
        [LoggerMessage(144, LogLevel.Error, "Timed messages could not be delivered; it will be tried again")]
        public static partial void DeliveryFailed(ILogger logger, Exception exception);

        [LoggerMessage(145, LogLevel.Error, "Timed message {Offset} was dropped with the oldest messages before its time had come")]
        public static partial void Gone(ILogger logger, long offset);

        [LoggerMessage(146, LogLevel.Error, "Timed message {Offset} cannot be read and is left out")]
        public static partial void Unreadable(ILogger logger, long offset, Exception exception);

        [LoggerMessage(147, LogLevel.Error, "Timed message {Offset} cannot be stored again and is lost")]
        public static partial void NotDelivered(ILogger logger, long offset);
    }
}

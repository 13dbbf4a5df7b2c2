using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Statistics;

namespace OrleansRocketMQ.Engine.Pop;

/// <summary>
/// Tells the broker what has become of the popped messages of a queue, and has it keep those from others that are still held.
/// What gathers while a request is under way goes with the next one. One loop for each queue.
/// </summary>
internal sealed partial class PopKeeper
{
    private readonly CancellationTokenSource _ending = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly MessageQueue _queue;
    private readonly QueueEnvironment _environment;
    private readonly WakeUp _wake = new();
    private readonly QueueStatistics _statistics;
    private readonly IPopHolder _holder;
    private readonly ILogger _logger;
    private Task _keeping = Task.CompletedTask;
    private int _failures;

    /// <param name="queue">The queue as brokers know it.</param>
    /// <param name="environment">What it shares with the other queues of its group.</param>
    /// <param name="statistics">Of the queue.</param>
    /// <param name="holder">Has the messages.</param>
    /// <param name="doneAhead">What was done ahead of others in the last pop in order of the queue's owner before.</param>
    /// <param name="logger">The log.</param>
    public PopKeeper(
        MessageQueue queue,
        QueueEnvironment environment,
        QueueStatistics statistics,
        IPopHolder holder,
        DoneAhead? doneAhead,
        ILogger logger)
    {
        _queue = queue;
        _environment = environment;
        _statistics = statistics;
        _holder = holder;
        _logger = logger;
        Book = new PopBook(
            Runtime.Time, Options.PopInvisibleTime / 3, _wake.Call, environment.Dispatcher.KeepsOrder ? new PopLine(doneAhead) : null);
    }

    public PopBook Book { get; }

    private EngineRuntime Runtime => _environment.Runtime;

    private Configuration.ConsumerOptions Options => _environment.Options;

    public void Start() => _keeping = Runtime.Scheduler.StartLoop(
        $"popped messages of {_queue} of group {Options.Group}", KeepAsync, Runtime.Time, _logger, _ended.Token);

    /// <summary>Tells what is to be told, waits for that at most so long, and ends. Nobody has any of the messages after that.</summary>
    public async Task EndAsync(TimeSpan longest)
    {
        await Runtime.Scheduler.CancelAsync(_ending);
        _wake.Call();
        await using var late = Runtime.Time.CreateTimer(
            static ends => ((PopKeeper)ends!).GiveUp(), this, longest > TimeSpan.Zero ? longest : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        await _keeping;
        await Runtime.Scheduler.CancelAsync(_ended);
    }

    private void GiveUp() => Runtime.Scheduler.Cancel(_ended);

    private async Task KeepAsync()
    {
        while (!_ended.IsCancellationRequested)
        {
            NoteLost();
            NoteLate();
            var isEnding = _ending.IsCancellationRequested;
            if ((Book.Due <= TimeSpan.Zero && !_holder.MayHandOut) || Book.TakeOld())
            {
                _holder.DropWaiting();
            }

            var work = Book.TakeWork();
            if (work.Forgotten > 0)
            {
                _holder.Told();
            }

            if (!work.IsEmpty)
            {
                await TellAsync(work);
            }
            else if (isEnding && Book.IsSettled)
            {
                return;
            }
            else
            {
                await _wake.WaitAsync(Book.Due, Runtime.Time, _ended.Token);
            }
        }
    }

    /// <summary>What waits has mostly come together with what is lost, and cannot be told of either.</summary>
    private void NoteLost()
    {
        if (Book.TakeLost() is > 0 and var lost)
        {
            _holder.DropWaiting();
            Log.Lost(_logger, Options.Group, _queue.Topic, _queue.BrokerName, _queue.QueueId, lost, Options.PopInvisibleTime);
        }
    }

    private void NoteLate()
    {
        if (Book.TakeLate() is > 0 and var late)
        {
            _statistics.Metrics?.CameLate(late);
            Log.Late(_logger, Options.Group, _queue.Topic, _queue.BrokerName, _queue.QueueId, late);
        }
    }

    private async Task TellAsync(PopWork work)
    {
        var told = await Task.WhenAll(work.Changes.Select(TryChangeAsync).Append(TryAckAsync(work.Acks)));
        _holder.Told();
        if (told.FirstOrDefault(static failure => failure is not null) is not { } failed)
        {
            _failures = 0;
            return;
        }

        _environment.Routes.Doubt(_queue.Topic, failed);
        if (++_failures == 1)
        {
            Log.NotTold(_logger, Options.Group, _queue.Topic, _queue.BrokerName, _queue.QueueId, failed.Message);
        }

        await Task.Delay(Runtime.BackOff(_failures, Options.RetryInterval, Options.PopInvisibleTime / 6), Runtime.Time, _ended.Token);
    }

    private async Task<Exception?> TryAckAsync(IReadOnlyList<PopTask> acks)
    {
        if (acks.Count == 0)
        {
            return null;
        }

        try
        {
            await _environment.Brokers.AckAsync(
                _environment.MasterOf(_queue),
                Options.Group,
                _queue.Topic,
                [.. acks.Select(static ack => ack.Receipt.Handle)],
                _ended.Token);
        }
        catch (Exception exception)
        {
            NoteNotTold(acks);
            return exception;
        }

        foreach (var ack in acks)
        {
            Book.Told(ack);
        }

        return null;
    }

    // What others may have by now is not told again: it comes again, whatever the broker hears.
    private void NoteNotTold(IReadOnlyList<PopTask> acks)
    {
        var now = Runtime.Time.GetTimestamp();
        foreach (var ack in acks)
        {
            if (ack.Receipt.IsVisibleAt(now))
            {
                Book.Told(ack);
            }
            else
            {
                Book.NotAnswered(ack);
            }
        }
    }

    private async Task<Exception?> TryChangeAsync(PopTask change)
    {
        var isRenewal = change.Receipt.Step == PopStep.Held;
        var time = isRenewal ? Options.PopInvisibleTime : change.Receipt.Delay;
        var asked = Runtime.Time.GetTimestamp();
        try
        {
            var handle = await _environment.Brokers.ChangeInvisibleTimeAsync(
                _environment.MasterOf(_queue), Options.Group, _queue.Topic, change.Receipt.Handle, time, _ended.Token);
            if (isRenewal)
            {
                Book.Renewed(change, handle, time, asked);
            }
            else
            {
                Book.Told(change);
            }

            return null;
        }
        catch (Exception exception)
        {
            Book.NotAnswered(change);
            return exception;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            375,
            LogLevel.Warning,
            "Group {Group} holds {Count} messages of {Topic} {Broker}/{QueueId} that others may have by now: their time of {Time} could "
            + "not be prolonged; they come again")]
        public static partial void Lost(ILogger logger, string group, string topic, string broker, int queueId, int count, TimeSpan time);

        [LoggerMessage(
            383,
            LogLevel.Warning,
            "Group {Group}: {Count} messages of {Topic} {Broker}/{QueueId} were done when others could have them already; they may come "
            + "twice")]
        public static partial void Late(ILogger logger, string group, string topic, string broker, int queueId, int count);

        [LoggerMessage(
            376,
            LogLevel.Warning,
            "Group {Group} could not tell what has become of messages of {Topic} {Broker}/{QueueId}; it is told again in time, or they "
            + "come again: {Reason}")]
        public static partial void NotTold(ILogger logger, string group, string topic, string broker, int queueId, string reason);
    }
}

/// <summary>Who has the messages that <see cref="PopKeeper"/> tells of. Thread-safe.</summary>
internal interface IPopHolder
{
    /// <summary>Whether messages may go to listeners, so that it is worth while to hold those that wait.</summary>
    bool MayHandOut { get; }

    /// <summary>Gives up the messages no listener has.</summary>
    void DropWaiting();

    /// <summary>The broker has been told of messages, or need not be told of them any more.</summary>
    void Told();
}

using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Engine.Queue;

namespace OrleansRocketMQ.Engine.Pop;

/// <summary>Ends a queue that is popped.</summary>
internal sealed partial class PopPump
{
    // Telling a broker that answers; what it does not hear comes again.
    private static readonly TimeSpan LongestTelling = TimeSpan.FromSeconds(3);

    // How much later than the poll time an answer may be that is worth to be waited for.
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(1);

    public Task StopAsync(TimeSpan budget)
    {
        lock (_tasks)
        {
            return _stopped ??= BeginStop(budget);
        }
    }

    private Task BeginStop(TimeSpan budget)
    {
        // Closed before anybody can see the stop: from then on no listener gets another message.
        Runs.Close();
        Raise(QueueEventKind.Stop);
        return _runtime.Scheduler.Run(() => StopOnceAsync(budget));
    }

    private async Task StopOnceAsync(TimeSpan budget)
    {
        await using var late = _time.CreateTimer(static stopped => ((PopPump)stopped!).Abandon(), this, budget, Timeout.InfiniteTimeSpan);
        await using var unanswered = _time.CreateTimer(
            static asking => ((PopPump)asking!).GiveUpAsking(), this, Options.PopPollTime + AnswerTime, Timeout.InfiniteTimeSpan);
        await DespiteFailureAsync(_runtime.Scheduler.CancelAsync(_stopping));

        // What no listener has got others may have at once; what is still on its way comes, and goes the same way.
        LetOthersHaveWaiting();
        await DespiteFailureAsync(_popping);
        LetOthersHaveWaiting();
        await DespiteFailureAsync(_tasks.WaitAsync());
        if (!await _flow.WaitUntilIdleAsync(_abandon.Token))
        {
            Abandoned = Runs.InFlight;
            Log.Abandoned(_logger, Options.Group, Queue.Topic, Queue.BrokerName, Queue.QueueId, Abandoned, budget);
        }

        // Also what was returned meanwhile.
        Runs.Window.Retire();
        await DespiteFailureAsync(_keeper.EndAsync(LongestTelling));
        Raise(QueueEventKind.Ended);
        _environment.Offsets.Remove(Source);
        _holdings.Close();
        _environment.Group.CloseGate(Queue);
        _environment.Statistics.Close(Queue);
    }

    // In order nobody gets any of it before listeners are done, whose last word may be a commit of what waits for one.
    private void LetOthersHaveWaiting()
    {
        if (!_isInOrder)
        {
            Runs.DropWaiting();
        }
    }

    private void GiveUpAsking() => _runtime.Scheduler.Cancel(_asking);

    private Task DespiteFailureAsync(Task ending)
        => ending.DespiteFailureAsync(exception => Log.EndedBadly(_logger, Options.Group, Queue, exception));

    private static partial class Log
    {
        [LoggerMessage(
            377,
            LogLevel.Warning,
            "Group {Group} stops popping {Topic} {Broker}/{QueueId} with {Count} messages still in work after {Budget}; they will come "
            + "again")]
        public static partial void Abandoned(
            ILogger logger, string group, string topic, string broker, int queueId, int count, TimeSpan budget);

        [LoggerMessage(
            384,
            LogLevel.Information,
            "Group {Group}: {Topic} {Broker}/{QueueId}, which is popped, goes on at offset {Offset} because somebody asked for it")]
        public static partial void Reset(ILogger logger, string group, string topic, string broker, int queueId, long offset);

        [LoggerMessage(
            378,
            LogLevel.Error,
            "Group {Group}: a part of the work on {Queue}, which is popped, has failed at its stop; the queue is given up all the same")]
        public static partial void EndedBadly(ILogger logger, string group, MessageQueue queue, Exception exception);
    }
}

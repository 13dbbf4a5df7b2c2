using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Queue;

/// <summary>
/// Looks from time to time whether a queue moves, and tells once of one that has not for longer than its state allows.
/// Whatever the reason is: nobody else would notice.
/// </summary>
/// <param name="group">The group.</param>
/// <param name="queue">The queue.</param>
/// <param name="look">The queue's state, and a number that is another one whenever something was pulled or consumed.</param>
/// <param name="patience">How long states may last.</param>
/// <param name="fail">Hears of a queue that stands still.</param>
/// <param name="runtime">What it runs on.</param>
/// <param name="logger">The log.</param>
internal sealed partial class QueueWatchdog(
    string group,
    MessageQueue queue,
    Func<(QueueState State, long Moved)> look,
    QueuePatience patience,
    Action<Exception> fail,
    EngineRuntime runtime,
    ILogger logger)
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _stopping = new();
    private readonly PeriodicTimer _timer = new(Interval, runtime.Time);
    private Task _running = Task.CompletedTask;
    private (QueueState State, long Moved) _seen;
    private long _seenAt;
    private bool _isTold;

    public void Start() => _running = runtime.Scheduler.Start(RunAsync);

    public async Task StopAsync()
    {
        await runtime.Scheduler.CancelAsync(_stopping);
        await _running;
        _timer.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            while (await _timer.WaitForNextTickAsync(_stopping.Token))
            {
                Look();
            }
        }
        catch (OperationCanceledException)
        {
            // The queue stops.
        }
    }

    private void Look()
    {
        var now = runtime.Time.GetTimestamp();
        var seen = look();
        if (!ReferenceEquals(seen.State, _seen.State) || seen.Moved != _seen.Moved)
        {
            (_seen, _seenAt, _isTold) = (seen, now, false);
            return;
        }

        var stood = runtime.Time.GetElapsedTime(_seenAt, now);
        if (!_isTold && patience.Of(seen.State.Task) is { } most && stood > most)
        {
            _isTold = true;
            Log.StandsStill(logger, group, queue.Topic, queue.BrokerName, queue.QueueId, stood, seen.State.Phase, seen.State.Task);
            fail(new ConsumerStateException(
                group, $"at {queue} since {stood.TotalMinutes:0} min without a change ({seen.State.Phase})", "go on"));
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            138,
            LogLevel.Error,
            "Group {Group}: {Topic} {Broker}/{QueueId} has not moved for {Time}, longer than it may: it is {Phase} ({Task})")]
        public static partial void StandsStill(
            ILogger logger, string group, string topic, string broker, int queueId, TimeSpan time, QueuePhase phase, QueueTask task);
    }
}

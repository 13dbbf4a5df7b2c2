using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Orleans;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Management;

/// <summary>
/// Tells the grain of a group's settings which queues error rules have stopped here, so that they stand still wherever they go. Until
/// it is told they stand still here. Not in broadcasting, where each silo has queues of its own.
/// </summary>
internal sealed partial class StopAgent(
    ConsumerGroupRuntime consumer, IGrainFactory grains, string silo, TimeProvider time, ILogger<GroupAgent> logger)
{
    private const int MostOfReason = 1024;
    private static readonly TimeSpan SoonAgain = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<MessageQueue, StoppedQueue> _untold = consumer.Flow.UntoldStops;

    // What was resumed while the grain was being told: it may have come to it after the resume, also where that has thrown.
    private readonly ConcurrentQueue<StoppedQueue> _late = new();
    private readonly WakeUp _wake = new();
    private Task _telling = Task.CompletedTask;

    private IGroupSettingsGrain Grain => grains.GetGrain<IGroupSettingsGrain>(consumer.Group);

    public void Start()
    {
        if (!consumer.IsBroadcasting)
        {
            consumer.Flow.Gates.Stopped += OnStopped;
            _telling = BackgroundLoop.Run(
                $"stopped queues of group {consumer.Group}", _ => TellAsync(), time, logger, _stopping.Token);
        }
    }

    public Task StopAsync()
    {
        consumer.Flow.Gates.Stopped -= OnStopped;
        _stopping.Cancel();
        return _telling;
    }

    /// <summary>Somebody resumes a part of the group: what is not told yet does not count any more.</summary>
    public void Forget(ConsumerScope scope)
    {
        foreach (var queue in _untold.Keys.Where(scope.Contains))
        {
            _untold.TryRemove(queue, out _);
        }
    }

    private void OnStopped(QueueStop stop)
    {
        var error = stop.Error ?? string.Empty;

        // One that came along with its queue says where and when that was.
        _untold.TryAdd(stop.Queue, new StoppedQueue
        {
            Queue = stop.Queue,
            MessageId = stop.MessageId,
            Offset = stop.Offset,
            Reason = error.Length <= MostOfReason ? error : error[..MostOfReason],

            // To the millisecond, as it is stored.
            Since = DateTimeOffset.FromUnixTimeMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds()),
            Silo = silo,
        });
        _wake.Call();
    }

    // On the thread pool, where its loop was started: there is no context to leave.
    private async Task TellAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                await _wake.WaitAsync(_untold.IsEmpty && _late.IsEmpty ? null : SoonAgain, time, _stopping.Token);

                // First, so that no stop that is told then is taken for one of these.
                await LiftLateAsync();
                foreach (var stop in _untold.Values)
                {
                    await TellAsync(stop);
                }
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                Log.NotTold(logger, consumer.Group, exception.Message);
            }
        }
    }

    private async Task TellAsync(StoppedQueue stop)
    {
        var isTold = false;
        try
        {
            await Grain.StopQueueAsync(stop).WaitAsync(Longest, time, _stopping.Token);
            await LearnOfAsync(stop);
            isTold = true;
        }
        finally
        {
            var entry = KeyValuePair.Create(stop.Queue, stop);
            if (!(isTold ? _untold.TryRemove(entry) : _untold.Contains(entry)))
            {
                _late.Enqueue(stop);
            }
        }

        await LiftLateAsync();
    }

    /// <summary>
    /// From now on it is the cluster's, and ends with that. Whoever resumes the queue may not reach this silo: it must not find out
    /// that there is no stop without having known that there was one.
    /// </summary>
    private async Task LearnOfAsync(StoppedQueue stop)
    {
        consumer.Flow.Apply((await Grain.GetAsync().WaitAsync(Longest, time, _stopping.Token)).Flow);
        if (consumer.Flow.Cluster?.StopOf(stop.Queue) is null)
        {
            foreach (var pump in consumer.Pumps.Values.Where(pump => pump.Source == stop.Queue))
            {
                pump.Recover();
            }
        }
    }

    private async Task LiftLateAsync()
    {
        while (_late.TryPeek(out var stop))
        {
            await Grain.LiftStopAsync(stop).WaitAsync(Longest, time, _stopping.Token);
            _late.TryDequeue(out _);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            369,
            LogLevel.Warning,
            "Group {Group} could not tell its silos of a queue that an error rule has stopped; it stands still here, and they are told "
            + "again: {Reason}")]
        public static partial void NotTold(ILogger logger, string group, string reason);
    }
}

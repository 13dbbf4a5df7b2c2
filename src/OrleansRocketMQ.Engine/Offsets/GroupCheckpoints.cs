using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Offsets;

/// <summary>
/// Writes the checkpoints of a group's queues on this silo: at each interval those of queues that have done more than
/// they have committed, a few at a time, so that the storage sets the pace when it is slow. A record that cannot be written
/// is left alone for longer and longer, the whole storage when nothing can be; consuming goes on.
/// </summary>
internal sealed partial class GroupCheckpoints(
    ConsumerOptions options, IRecordStorage<CheckpointRecord> storage, EngineRuntime runtime, ILogger<GroupCheckpoints> logger)
{
    private const int AtOnce = 16;

    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _stopping = new();
    private readonly BackoffTable<MessageQueue> _resting = new(options.CheckpointInterval, LongestRest, runtime);
    private Task _running = Task.CompletedTask;
    private int _failures;

    /// <summary>Whether only this silo sees what it has written: in files.</summary>
    public bool AreLocal => storage.IsLocal;

    public void Start(Func<IEnumerable<ICheckpointedQueue>> queues) => _running = runtime.Scheduler.StartLoop(
        $"checkpoints of group {options.Group}", () => RunAsync(queues), runtime.Time, logger, _stopping.Token);

    public Task StopAsync() => runtime.Scheduler.Run(async () =>
    {
        await runtime.Scheduler.CancelAsync(_stopping);
        await _running;
    });

    /// <summary>
    /// The checkpoint of a queue that starts here. Where only this silo sees them there may be one of an earlier stay, of
    /// which the owner in between did not know.
    /// </summary>
    public QueueCheckpoint Open(MessageQueue queue)
        => new(storage, queue, options.Group, runtime, logger) { MayExist = AreLocal };

    private async Task RunAsync(Func<IEnumerable<ICheckpointedQueue>> queues)
    {
        try
        {
            while (true)
            {
                var wait = _failures == 0
                    ? options.CheckpointInterval
                    : runtime.BackOff(_failures, options.CheckpointInterval, LongestRest);
                await Task.Delay(wait, runtime.Time, _stopping.Token);
                await RoundAsync(queues);
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // Queues that move take along what they have done; those that end remove what was written of them.
        }
    }

    private async Task RoundAsync(Func<IEnumerable<ICheckpointedQueue>> queues)
    {
        try
        {
            // Most queues of a large group have nothing to write: they cost a look.
            var news = queues().Where(queue => queue.MayHaveCheckpointNews).ToArray();
            _resting.Keep(news.Select(queue => queue.Queue).ToHashSet());
            var (written, failed) = (0, new List<Exception>());
            foreach (var some in news.Where(queue => !_resting.IsResting(queue.Queue)).Chunk(AtOnce))
            {
                var results = await Task.WhenAll(some.Select(TryWriteAsync));
                written += results.Count(result => result.Written);
                foreach (var (queue, failure) in some.Zip(results, (queue, result) => (queue.Queue, result.Failure)))
                {
                    Note(queue, failure, failed);
                }

                if (written == 0 && failed.Count >= AtOnce)
                {
                    break;
                }
            }

            // One record may be broken; several and not one that arrives are the storage, which is left alone as a whole.
            _failures = written == 0 && failed.Count > 1 ? _failures + 1 : 0;
            if (failed.Count > 0)
            {
                Log.NotWritten(logger, options.Group, failed.Count, failed[0].Message);
            }
        }
        catch (Exception exception) when (!_stopping.IsCancellationRequested)
        {
            // Whatever it is: the loop goes on, or no queue of the group would have a checkpoint any more.
            _failures++;
            Log.RoundFailed(logger, options.Group, exception);
        }
    }

    private void Note(MessageQueue queue, Exception? failure, List<Exception> failed)
    {
        if (failure is null)
        {
            _resting.Succeed(queue);
            return;
        }

        _resting.Fail(queue);
        failed.Add(failure);
    }

    private async Task<(bool Written, Exception? Failure)> TryWriteAsync(ICheckpointedQueue queue)
    {
        try
        {
            // A storage that does not answer must hold up neither the next round for ever nor the stop.
            return (await queue.WriteCheckpointAsync().WaitAsync(LongestRest, runtime.Time, _stopping.Token), null);
        }
        catch (Exception exception) when (!_stopping.IsCancellationRequested)
        {
            return (false, exception);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            221,
            LogLevel.Warning,
            "Group {Group} could not write down how far {Count} of its queues are; a crash now would repeat more messages: {Reason}")]
        public static partial void NotWritten(ILogger logger, string group, int count, string reason);

        [LoggerMessage(224, LogLevel.Error, "Group {Group}: a round of writing checkpoints failed; the next one is made all the same")]
        public static partial void RoundFailed(ILogger logger, string group, Exception exception);
    }
}

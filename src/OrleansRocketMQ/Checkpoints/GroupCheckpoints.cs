using Microsoft.Extensions.Logging;
using Orleans.Runtime;
using Orleans.Storage;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Checkpoints;

/// <summary>
/// Writes the checkpoints of a group's queues on this silo: at each interval those of queues that have done more than
/// they have committed, a few at a time, so that the storage sets the pace when it is slow. When it fails it is left
/// alone for longer and longer; consuming goes on.
/// </summary>
internal sealed partial class GroupCheckpoints(
    ConsumerOptions options,
    string? instance,
    IGrainStorage storage,
    GrainType queueGrains,
    TimeProvider time,
    ILogger<GroupCheckpoints> logger)
{
    private const int AtOnce = 16;

    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _stopping = new();
    private Task _running = Task.CompletedTask;
    private int _failures;

    public void Start(Func<IEnumerable<QueuePump>> queues) => _running = BackgroundLoop.Run(
        $"checkpoints of group {options.Group}", _ => RunAsync(queues), time, logger, _stopping.Token);

    public async Task StopAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
    }

    /// <summary>The checkpoint of a queue that starts here.</summary>
    public QueueCheckpoint Open(MessageQueue queue)
        => new(storage, GrainId.Create(queueGrains, QueueGrainKey.Of(options.Group, queue, instance)), queue, options.Group, time, logger);

    private async Task RunAsync(Func<IEnumerable<QueuePump>> queues)
    {
        try
        {
            while (true)
            {
                var wait = _failures == 0 ? options.CheckpointInterval : Backoff.Next(_failures, options.CheckpointInterval, LongestRest);
                await Task.Delay(wait, time, _stopping.Token).ConfigureAwait(false);
                await RoundAsync(queues).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // Queues that move take along what they have done; those that end remove what was written of them.
        }
    }

    private async Task RoundAsync(Func<IEnumerable<QueuePump>> queues)
    {
        try
        {
            foreach (var some in queues().Chunk(AtOnce))
            {
                // A storage that does not answer must hold up neither the next round for ever nor the stop.
                await Task.WhenAll(some.Select(queue => queue.WriteCheckpointAsync())).WaitAsync(LongestRest, time, _stopping.Token).ConfigureAwait(false);
            }

            _failures = 0;
        }
        catch (Exception exception) when (!_stopping.IsCancellationRequested)
        {
            // Whatever it is: the loop goes on, or no queue of the group would have a checkpoint any more.
            _failures++;
            Log.NotWritten(logger, options.Group, exception.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(221, LogLevel.Warning, "Group {Group} could not write down how far its queues are; a crash now would repeat more messages: {Reason}")]
        public static partial void NotWritten(ILogger logger, string group, string reason);
    }
}

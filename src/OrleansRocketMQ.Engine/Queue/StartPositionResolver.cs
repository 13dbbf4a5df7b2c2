using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Locks;
using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Queue;

/// <summary>
/// Where a queue begins here: at what came along from the silo it was on; otherwise where the store says, less what a
/// checkpoint shows to be done already.
/// </summary>
/// <param name="queue">The queue.</param>
/// <param name="environment">What it shares with others.</param>
/// <param name="arrival">What came along from the silo it was on; null when nothing did.</param>
/// <param name="checkpoint">What is written down of it; null where nothing is.</param>
/// <param name="reset">Is told where the broker demands that the queue begins: it says so once.</param>
internal sealed class StartPositionResolver(
    MessageQueue queue, QueueEnvironment environment, QueueArrival? arrival, QueueCheckpoint? checkpoint, Action<long> reset)
{
    private bool _hasBegun;

    /// <summary>What came along from the silo the queue was on; null when nothing did, or when the queue has begun since.</summary>
    public QueueArrival? Arrival => _hasBegun ? null : arrival;

    /// <summary>
    /// The queue has begun: what was known before says nothing any more. One that looks for its place once more, such as after a
    /// seek that was withdrawn, goes on where the store says.
    /// </summary>
    public void NoteBegun() => _hasBegun = true;

    /// <summary>The first window of a queue that just starts.</summary>
    /// <param name="masterAddress">The queue's broker.</param>
    /// <param name="ownership">The time it is worked on.</param>
    /// <param name="holdings">Is told what the window holds.</param>
    /// <exception cref="OffsetFetchException">The store could not be asked.</exception>
    public async Task<ProcessQueue> FirstWindowAsync(string masterAddress, QueueLease ownership, QueueQuotaUsage holdings)
    {
        var before = Arrival?.Progress;
        if (before is not null && !ownership.IsLocked)
        {
            // What came along is newer than what the broker knows, or as new.
            return new ProcessQueue(before, holdings);
        }

        long offset;
        try
        {
            offset = await environment.StartOffset.FindAsync(masterAddress, queue, ownership.Pulling);
        }
        catch (RocketMQException exception)
        {
            throw new OffsetFetchException(queue, exception.Message, exception);
        }

        // Without the lock, for however short a time, another member may have gone on; only if none has, what came along still
        // holds. A lower offset is one that a pull of the former owner carried and that arrived late; and where the store has not
        // taken a reset, what it has says nothing.
        var isFirst = !_hasBegun && ownership.Number <= 1;
        if (before is not null)
        {
            return isFirst && (before.Watermark >= offset || arrival!.HasUnstoredReset)
                ? new ProcessQueue(before, holdings)
                : new ProcessQueue(offset, holdings);
        }

        return isFirst && await DoneBeforeAsync(masterAddress, offset, ownership.Pulling) is { } done
            ? new ProcessQueue(done, holdings)
            : new ProcessQueue(offset, holdings);
    }

    /// <summary>What an owner that crashed had done beyond its last commit; null when nothing is known.</summary>
    private async Task<AckSnapshot?> DoneBeforeAsync(string masterAddress, long offset, CancellationToken cancellationToken)
    {
        if (checkpoint is null || await checkpoint.FindAsync(offset, cancellationToken) is not { } done)
        {
            return null;
        }

        try
        {
            // A broker that has lost its last messages gives their offsets to others, which nobody has seen.
            var isThere = done.Progress.SeenTo <= await environment.Brokers.GetMaxOffsetAsync(masterAddress, queue, cancellationToken)
                && (done.Newest is null || await HasAsync(masterAddress, done.Newest, cancellationToken));
            return isThere ? done.Progress : null;
        }
        catch (RocketMQException exception)
        {
            throw new OffsetFetchException(queue, exception.Message, exception);
        }
    }

    /// <summary>Whether a message is where it was seen. A plain pull, which consumes nothing.</summary>
    private async Task<bool> HasAsync(string masterAddress, SeenMessage seen, CancellationToken cancellationToken)
    {
        var request = new PullRequest(environment.Options.Group, queue, seen.Offset)
        {
            MaxMessages = 1,
            Expression = MessageSelector.AllTags,
            SuspendTimeout = TimeSpan.Zero,
        };
        var result = await environment.Brokers.PullAsync(masterAddress, request, timeout: null, cancellationToken);
        if (result.IsResetOf(seen.Offset))
        {
            // Told to this pull, it is told to no other.
            reset(result.NextBeginOffset);
        }

        var messages = new List<MessageExt>();
        if (result.Status == PullStatus.Found)
        {
            result.Decode(messages, queue.BrokerName, environment.DecoderOptions);
        }

        return messages.Exists(message => message.QueueOffset == seen.Offset && message.MessageId == seen.Id);
    }
}

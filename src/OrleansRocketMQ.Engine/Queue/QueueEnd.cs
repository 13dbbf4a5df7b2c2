using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Engine.Queue;

/// <summary>
/// Where a queue goes on whose end has gone back: its topic was deleted and made anew, or its broker has lost the last
/// messages. Brokers of 5.x send whoever asks beyond the end to the end, past all that has been stored meanwhile. What was
/// stored after the last thing this queue has seen is new, and nothing else is.
/// </summary>
internal sealed class QueueEnd(MessageQueue queue, IQueueBroker brokers)
{
    // For the queue that has brought no message yet: clocks of silos and brokers differ.
    private static readonly TimeSpan ClockDifference = TimeSpan.FromMinutes(1);

    private long _lastStored;
    private long _lastHeard;

    /// <summary>The queue has answered, and goes at least as far as it was asked for.</summary>
    /// <param name="pulled">The messages it brought.</param>
    /// <param name="heard">When, in ticks of UTC.</param>
    public void Note(List<MessageExt> pulled, long heard)
    {
        _lastHeard = heard;
        if (pulled.Count > 0)
        {
            _lastStored = Math.Max(_lastStored, pulled[^1].StoreTimestamp);
        }
    }

    /// <summary>Where to go on after a broker has said where.</summary>
    /// <param name="result">What it said.</param>
    /// <param name="asked">The offset it was asked for.</param>
    /// <param name="master">The queue's broker.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="RocketMQException">The broker could not be asked.</exception>
    public async ValueTask<long> CorrectAsync(PullResult result, long asked, string master, CancellationToken cancellationToken)
    {
        var next = result.NextBeginOffset;
        if (next != result.MaxOffset || next >= asked || _lastHeard == 0)
        {
            return next;
        }

        var seenTo = _lastStored > 0
            ? _lastStored + 1
            : (new DateTimeOffset(_lastHeard, TimeSpan.Zero) - ClockDifference).ToUnixTimeMilliseconds();
        var found = await brokers.SearchOffsetAsync(master, queue, seenTo, cancellationToken);
        return Math.Min(Math.Max(found, result.MinOffset), next);
    }
}

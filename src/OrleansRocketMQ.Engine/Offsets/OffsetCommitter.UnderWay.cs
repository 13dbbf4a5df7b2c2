using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Engine.Offsets;

/// <summary>What is on its way to the store, and may come there after what is told now.</summary>
internal sealed partial class OffsetCommitter
{
    // What a stop has for what is under way: it shows at the first look, unless a request is stuck somewhere.
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// Looks which offsets that are under way have come, before others are told, which would hide that. While one may still come
    /// after what was told, this is asked each time.
    /// </summary>
    private async Task LookForUnderWayAsync(CancellationToken cancellationToken)
    {
        if (_left || !_underWay.Any)
        {
            return;
        }

        try
        {
            await ReadAsync(cancellationToken);
        }
        catch (RocketMQException)
        {
            // What is told now may be overtaken; the next round looks again.
        }
    }

    /// <summary>Waits until nothing can come any more that would change the last offset, as far as that shows.</summary>
    private async Task WaitForUnderWayAsync(Func<long> watermark, CancellationToken tooLate)
    {
        try
        {
            for (var pause = FirstPause; IsToWait(watermark) && !tooLate.IsCancellationRequested;
                 pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
            {
                await ReadAsync(tooLate);
                if (IsToWait(watermark))
                {
                    await Task.Delay(pause, time, tooLate);
                }
            }
        }
        catch (Exception exception) when (exception is RocketMQException || tooLate.IsCancellationRequested)
        {
            // Whether the last offset holds is looked at once more when it is told.
        }
    }

    /// <summary>
    /// Of what shows only later whether it has come the store may have one already, which will not show any more then. What only a
    /// pull carries has most likely come, and a stop does not wait for it.
    /// </summary>
    private async Task LookForSeenAsync(Func<long> watermark, CancellationToken tooLate)
    {
        if (!MayBeOvertaken(watermark) || tooLate.IsCancellationRequested)
        {
            return;
        }

        try
        {
            _underWay.NoteSeen(await ReadAsync(tooLate));
        }
        catch (Exception exception) when (exception is RocketMQException || tooLate.IsCancellationRequested)
        {
            // All of them are waited for.
        }
    }

    /// <summary>
    /// What was under way and did not come in time may have overtaken the last offset: looks, and tells it again. Of some that shows
    /// only now that the store has taken the last offset: it is waited for them in what time is left.
    /// </summary>
    private async Task CheckNotOvertakenAsync(Func<long> watermark, CancellationToken tooLate)
    {
        for (var attempt = 0; attempt < 3 && MayBeOvertaken(watermark); attempt++)
        {
            await WaitForUnderWayAsync(watermark, tooLate);
            if (await ReadAsync(CancellationToken.None) >= Committed || watermark() < 0)
            {
                return;
            }

            await PersistAsync(Committed);
        }
    }

    /// <summary>Whether the store is known to have less, so that it shows when an offset has come there.</summary>
    private bool IsNews(long offset) => Committed is >= 0 and var known && offset > known && !_hasUnstoredMove;

    private bool MayBeOvertaken(Func<long> watermark)
        => !_left && watermark() is >= 0 and var last && _underWay.AnyBut(Math.Max(last, Committed));

    private bool IsToWait(Func<long> watermark)
        => !_left && watermark() is >= 0 and var last && _underWay.AnyToWaitFor(Math.Max(last, Committed));
}

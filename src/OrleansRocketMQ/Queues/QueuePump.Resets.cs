namespace OrleansRocketMQ.Queues;

/// <summary>Goes on at another offset because somebody wants it.</summary>
internal sealed partial class QueuePump
{
    private readonly Func<bool> _isResetWanted;
    private long _resetTo = -1;

    private bool IsResetWanted => Volatile.Read(ref _resetTo) >= 0;

    /// <summary>
    /// The queue goes on at the given offset: its pull is broken off, what no listener has got yet is dropped, what one
    /// works on ends first. Returns at once.
    /// </summary>
    public void ResetTo(long offset)
    {
        Volatile.Write(ref _resetTo, offset);
        PullAnew();
        _gauge.OnProgress();
    }

    private async Task ResetIfWantedAsync()
    {
        if (Interlocked.Exchange(ref _resetTo, -1) is var offset and >= 0)
        {
            Runs.DropWaiting();
            try
            {
                await MoveToAsync(offset).ConfigureAwait(false);
            }
            catch
            {
                // The broker did not take it; the wish stays, unless there is a newer one.
                Interlocked.CompareExchange(ref _resetTo, offset, -1);
                throw;
            }
        }
    }
}

using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Connections;

/// <summary>Looks from time to time for what is late, and what that says of the connection.</summary>
public sealed partial class RemotingConnection
{
    // No request that waits is due before: thousands of long polls are looked at when one may be late, not at every sweep.
    private long _nothingDueBefore = long.MaxValue;

    /// <summary>Puts a request among those that wait for an answer.</summary>
    private void Expect(int opaque, IPendingRequest pending)
    {
        _pending[opaque] = pending;

        // Else a sweep that begins now could miss the request, and this its beginning.
        Interlocked.MemoryBarrier();
        LookAgainAt(DueAt(pending));
    }

    private void LookAgainAt(long due)
    {
        for (var known = Volatile.Read(ref _nothingDueBefore); due < known;)
        {
            var seen = Interlocked.CompareExchange(ref _nothingDueBefore, due, known);
            if (seen == known)
            {
                return;
            }

            known = seen;
        }
    }

    private long DueAt(IPendingRequest pending)
        => pending.StartedAt + (long)Math.Min(pending.Timeout.TotalSeconds * _time.TimestampFrequency, long.MaxValue / 4);

    // On a timer: whatever got out of here would end the process.
    private void SweepSafely()
    {
        try
        {
            Sweep();
        }
        catch (Exception exception)
        {
            Log.SweepFailed(_logger, RemoteAddress, exception);
        }
    }

    private void Sweep()
    {
        EndWhatIsLate();
        if (_long.IsPassing && _time.GetTimestamp() > Volatile.Read(ref _passedUntil))
        {
            Close(new RocketMQNetworkException(
                $"{RemoteAddress} did not end its too long answer to request {RequestCodes.NameOf(_passing)} in time."));
            return;
        }

        if (SilentOrStuck() is { } what)
        {
            EndsInSilence = true;
            Retire();
            Close(new RocketMQNetworkException(
                $"{RemoteAddress} {what} nothing since a request that timed out; "
                    + "the connection is given up, as only a new one can tell whether it serves."));
            return;
        }

        var quietFor = _time.GetElapsedTime(Volatile.Read(ref _lastActivity));
        if (_retired && quietFor > RetiredLinger && _pending.IsEmpty)
        {
            Close(new RocketMQNetworkException($"{RemoteAddress} asked to be left."));
        }
        else if (quietFor > _options.IdleTimeout && _pending.IsEmpty)
        {
            Close(new RocketMQNetworkException($"The connection to {RemoteAddress} was idle for {_options.IdleTimeout.TotalSeconds:0} s."));
        }
    }

    private void EndWhatIsLate()
    {
        if (_time.GetTimestamp() < Volatile.Read(ref _nothingDueBefore))
        {
            return;
        }

        // Before looking: what is put there meanwhile is either seen or lowers this again.
        Interlocked.Exchange(ref _nothingDueBefore, long.MaxValue);
        foreach (var (opaque, pending) in _pending)
        {
            if (_time.GetElapsedTime(pending.StartedAt) < pending.Timeout)
            {
                LookAgainAt(DueAt(pending));
            }
            else if (TryTake(opaque, pending) && pending.TrySetException(Late(pending)))
            {
                // The oldest that got nothing back tells most of the silence; what came since then clears all of them.
                _unanswered = _unanswered is { } older && older.Reads == pending.Reads && older.StartedAt <= pending.StartedAt
                    ? older
                    : pending;
                _notTaken = _notTaken is { } before && _sender.IsStuckAt(before.Progress) ? before : pending;
            }
        }
    }

    private string? SilentOrStuck()
        => HasLasted(_unanswered) && _unanswered!.Reads == Volatile.Read(ref _reads) ? "sent"
            : HasLasted(_notTaken) && _sender.IsStuckAt(_notTaken!.Progress) ? "took"
            : null;

    // A time-out shorter than that of ordinary requests was the caller's haste, and only counts once the silence has lasted.
    private bool HasLasted(IPendingRequest? late) => late is not null && _time.GetElapsedTime(late.StartedAt) >= _options.RequestTimeout;

    private RocketMQTimeoutException Late(IPendingRequest pending) => new(pending.IsSent
        ? $"{RemoteAddress} did not answer request {RequestCodes.NameOf(pending.Code)} within {pending.Timeout.TotalMilliseconds:0} ms."
        : $"{RemoteAddress} takes nothing: request {RequestCodes.NameOf(pending.Code)} still waits to be sent after "
            + $"{pending.Timeout.TotalMilliseconds:0} ms.");
}

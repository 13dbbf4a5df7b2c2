using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Offsets;

/// <summary>
/// Tells the store how far a queue is: one offset after the other, so that an old one never overtakes a new one, which may
/// be lower; never one below what was told, except when the queue is moved; and none after the queue has left. Thread-safe.
/// </summary>
internal sealed partial class OffsetCommitter(MessageQueue queue, IOffsetStore offsets, TimeProvider time)
{
    // How long a queue may have no news before it looks whether the broker still has what it was told.
    private static readonly TimeSpan LookAfter = TimeSpan.FromMinutes(1);

    private readonly AsyncTurns _turn = new();
    private readonly OffsetsUnderWay _underWay = new(time);
    private long _committed = -1;
    private volatile bool _hasUnstoredMove;
    private volatile bool _tellAgain;
    private volatile bool _isLeaving;
    private volatile bool _left;
    private long _telling = -1;
    private long _lookedAt = time.GetTimestamp();
    private volatile bool _lookAgain;

    /// <summary>What the store knows; -1 when nothing was told yet.</summary>
    public long Committed => Volatile.Read(ref _committed);

    /// <summary>
    /// Whether the queue has moved, and the store has not taken that yet. What the store has is then of before the move, whoever told
    /// it: this queue, be it by a request whose answer was lost, or another member, which cannot know of the move.
    /// </summary>
    public bool HasUnstoredMove => _hasUnstoredMove;

    // Without it nothing is asked of a queue that has nothing to tell.
    private bool IsLookDue => Committed >= 0 && offsets.IsAtBroker && !_left
        && (_lookAgain || time.GetElapsedTime(Volatile.Read(ref _lookedAt)) >= LookAfter);

    /// <summary>The queue begins where the broker demanded it of another member, whose store did not take that.</summary>
    public void BeginUnstored(long offset)
    {
        Volatile.Write(ref _committed, offset);
        (_hasUnstoredMove, _tellAgain) = (true, true);
    }

    /// <summary>What the next pull is to tell the broker on its way; 0 when it knows already, or cannot be told so.</summary>
    public long Piggyback(long watermark, bool toSlave)
        // As Java: no offset travels with a pull from a slave; it is told apart if no master is there. Nor one that a commit is
        // telling: of two that are the same nobody could say which has come.
        => _underWay.Carry(
            offsets.IsAtBroker && !toSlave && watermark > Math.Max(Committed, Volatile.Read(ref _telling)) ? watermark : 0,
            IsNews(watermark));

    /// <summary>The pull was answered, so the broker knows what it carried.</summary>
    public void PiggybackAcked()
    {
        if (_underWay.Answered() is { } carried)
        {
            NoteArrived(carried);
        }
    }

    /// <summary>The pull was not sent, or the broker has refused it: it will not bring what it carried.</summary>
    public void PiggybackDropped() => _underWay.Dropped();

    /// <summary>The broker may have lost what it knew: it was away.</summary>
    public void LookAgain() => _lookAgain = true;

    /// <summary>Whether a commit may have anything to do: most queues of a large group have no news most of the time.</summary>
    public bool MayHaveNews(long watermark)
        => !_isLeaving && watermark >= 0 && (watermark > Committed || _tellAgain || IsLookDue || _underWay.Any);

    /// <summary>Tells the watermark if it is news. When nothing was for a while, looks whether the broker still knows it.</summary>
    /// <exception cref="RocketMQException">The store did not take it; it is told again next time.</exception>
    // A queue that leaves tells the last offset itself, and takes its time for it: a round of commits does not wait for that.
    public Task CommitAsync(Func<long> watermark) => _isLeaving ? Task.CompletedTask : InTurnAsync(
        async () =>
        {
            if (watermark() >= 0)
            {
                await LookForUnderWayAsync(CancellationToken.None);
            }

            if (!await TellAsync(watermark(), evenIfKnown: false))
            {
                await LookAsync(watermark);
            }
        },
        CancellationToken.None);

    /// <summary>
    /// Tells the watermark for the last time, even if it should be known: from then on the queue may be another member's. What is
    /// under way, such as the offset of a pull that was given up, would overtake it: that is waited for first, if not for long.
    /// </summary>
    /// <inheritdoc cref="CommitAsync"/>
    public Task LeaveAsync(Func<long> watermark)
    {
        _isLeaving = true;
        return InTurnAsync(
            async () =>
            {
                using var tooLate = new CancellationTokenSource(LongestWait, time);
                try
                {
                    await WaitForUnderWayAsync(watermark, tooLate.Token);
                    await LookForSeenAsync(watermark, tooLate.Token);
                    await TellAsync(watermark(), evenIfKnown: true);
                    await CheckNotOvertakenAsync(watermark, tooLate.Token);
                }
                finally
                {
                    _left = true;
                }
            },
            CancellationToken.None);
    }

    /// <summary>Moves the queue to an offset, which may be lower.</summary>
    /// <param name="offset">Where the queue goes on.</param>
    /// <param name="isWanted">Asked when it is its turn: whether the queue is still to go there.</param>
    /// <param name="stored">Called once the store knows, before anything else is told.</param>
    /// <param name="cancellationToken">Gives up while waiting for the turn.</param>
    /// <param name="evenIfNotStored">
    /// Asked when the store has not taken it: whether the queue goes on there all the same; it is told again with the next commit. For
    /// an offset that the broker demands: the one the store has is none to go on at.
    /// </param>
    /// <inheritdoc cref="CommitAsync"/>
    public Task MoveAsync(
        long offset, Func<bool> isWanted, Action stored, CancellationToken cancellationToken, Func<bool>? evenIfNotStored = null)
        => InTurnAsync(
        async () =>
        {
            await LookForUnderWayAsync(cancellationToken);
            if (!isWanted())
            {
                return;
            }

            var isStored = true;
            _underWay.Moved();
            offsets.Update(queue, offset, increaseOnly: false);
            try
            {
                await PersistAsync(offset, isMove: true);
            }
            catch (RocketMQException) when (evenIfNotStored?.Invoke() is true)
            {
                // Told by whoever stores it next.
                isStored = false;
            }
            catch
            {
                // Should the queue not go there after all, what it tells then must hold; and the store may have taken it all the same.
                Recall();
                _tellAgain = true;
                throw;
            }

            Volatile.Write(ref _committed, offset);
            _hasUnstoredMove = !isStored;
            _tellAgain = !isStored;
            stored();
        },
        cancellationToken);

    /// <summary>Does something while nobody tells anything.</summary>
    public Task InTurnAsync(Action action, CancellationToken cancellationToken) => InTurnAsync(
        () =>
        {
            action();
            return Task.CompletedTask;
        },
        cancellationToken);

    /// <summary>Asks the store what it has, while nobody tells it anything. What is noted to be told stays.</summary>
    /// <inheritdoc cref="CommitAsync"/>
    public async Task<long?> AskAsync(CancellationToken cancellationToken)
    {
        long? known = null;
        await InTurnAsync(
            async () => known = await ReadAsync(cancellationToken),
            cancellationToken);
        return known;
    }

    /// <summary>Forgets what was told: another member may have told something else meanwhile.</summary>
    public Task ForgetAsync(Action apply, CancellationToken cancellationToken) => InTurnAsync(
        () =>
        {
            apply();

            // What was noted to be told is forgotten, too: a store that has nothing by now would be told of it once more.
            offsets.Remove(queue);
            _underWay.Moved();
            Volatile.Write(ref _committed, -1);
            _hasUnstoredMove = false;
        },
        cancellationToken);

    /// <returns>Whether anything was told.</returns>
    private async Task<bool> TellAsync(long watermark, bool evenIfKnown)
    {
        var isNews = watermark > Committed;
        if (_left || watermark < 0 || !(isNews || evenIfKnown || _tellAgain))
        {
            return false;
        }

        // Exactly that: what the store was seen to have, and notes itself, is not this queue's when the queue has moved.
        var offset = Math.Max(watermark, Committed);
        offsets.Update(queue, offset, increaseOnly: false);
        _underWay.Telling();
        var isStored = await PersistAsync(offset);
        // Nor may this one undo what a pull has told since it was decided.
        _tellAgain = !isStored || Committed > offset;
        _hasUnstoredMove = false;
        Note(offset);
        return true;
    }

    private async Task<bool> PersistAsync(long offset, bool isMove = false)
    {
        Volatile.Write(ref _telling, offset);
        try
        {
            var isStored = await offsets.PersistAsync(queue);
            _underWay.Told();
            return isStored;
        }
        catch (Exception exception) when (offsets.IsAtBroker && exception is RocketMQNetworkException or RocketMQTimeoutException)
        {
            // It may come there all the same, after the next one.
            _underWay.Unanswered(offset, !isMove && IsNews(offset));
            throw;
        }
        finally
        {
            Volatile.Write(ref _telling, -1);
        }
    }

    /// <summary>
    /// A broker that crashed may have lost what it had not written yet, and a slave in its place may never have had it. Java's
    /// client tells in every round what it knows. Here an idle queue looks now and then, and tells it only if the broker has
    /// less: what another member has told meanwhile stays.
    /// </summary>
    private async Task LookAsync(Func<long> watermark)
    {
        if (watermark() < 0 || !IsLookDue)
        {
            return;
        }

        Volatile.Write(ref _lookedAt, time.GetTimestamp());
        _lookAgain = false;
        long? known;
        try
        {
            known = await ReadAsync(CancellationToken.None);
        }
        catch (RocketMQException)
        {
            // It is away: its next failure makes this queue look again, and so does time.
            return;
        }

        if (_underWay.Highest > Committed)
        {
            // A pull tells more than this would, which must not come after it. Whether the store took it shows with the next look.
            _lookAgain = true;
        }
        else if (!(known >= Committed) && watermark() >= 0)
        {
            _tellAgain = !await PersistAsync(Committed);
        }
    }

    /// <summary>Asks the store what it has, which shows what has come there, and notes nothing of it to be told.</summary>
    private async Task<long?> ReadAsync(CancellationToken cancellationToken)
    {
        var asked = time.GetTimestamp();
        long? known;
        try
        {
            known = await offsets.ReadAsync(queue, OffsetReadMode.Store, cancellationToken);
        }
        finally
        {
            Recall();
        }

        var (arrived, hasOvertaken) = _underWay.See(known, Committed, asked);
        _tellAgain |= hasOvertaken;
        if (arrived is { } offset)
        {
            NoteArrived(offset);
        }

        return known;
    }

    /// <summary>Whatever else was noted to be stored, it is what was told before.</summary>
    private void Recall()
    {
        if (Committed is >= 0 and var committed)
        {
            offsets.Update(queue, committed, increaseOnly: false);
        }
        else
        {
            offsets.Remove(queue);
        }
    }

    /// <summary>The store has what was under way.</summary>
    private void NoteArrived(long offset)
    {
        offsets.Update(queue, offset, increaseOnly: true);
        _hasUnstoredMove = false;
        Note(offset);
    }

    private void Note(long offset)
    {
        // Pulls and commits both report here; the higher one stays.
        Volatile.Write(ref _lookedAt, time.GetTimestamp());
        long known;
        while ((known = Volatile.Read(ref _committed)) < offset)
        {
            Interlocked.CompareExchange(ref _committed, offset, known);
        }
    }

    private async Task InTurnAsync(Func<Task> tell, CancellationToken cancellationToken)
    {
        await _turn.TakeAsync(cancellationToken);
        try
        {
            await tell();
        }
        finally
        {
            _turn.Release();
        }
    }
}

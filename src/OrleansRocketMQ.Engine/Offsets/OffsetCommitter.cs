using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Offsets;

/// <summary>
/// Tells the store how far a queue is: one offset after the other, so that an old one never overtakes a new one, which may
/// be lower; never one below what was told, except when the queue is moved; and none after the queue has left. Thread-safe.
/// </summary>
internal sealed class OffsetCommitter(MessageQueue queue, IOffsetStore offsets, TimeProvider time)
{
    // How long a queue may have no news before it looks whether the broker still has what it was told.
    private static readonly TimeSpan LookAfter = TimeSpan.FromMinutes(1);

    private readonly AsyncTurns _turn = new();
    private long _committed = -1;
    private long _carried;
    private volatile bool _hasUnstoredMove;
    private bool _tellAgain;
    private bool _left;
    private long _lookedAt = time.GetTimestamp();
    private volatile bool _lookAgain;

    /// <summary>What the store knows; -1 when nothing was told yet.</summary>
    public long Committed => Volatile.Read(ref _committed);

    /// <summary>
    /// Whether the queue has moved, and the store has not taken that yet. What the store has is then of before the move, whoever told
    /// it: this queue, be it by a request whose answer was lost, or another member, which cannot know of the move.
    /// </summary>
    public bool HasUnstoredMove => _hasUnstoredMove;

    /// <summary>What the next pull is to tell the broker on its way; 0 when it knows already, or cannot be told so.</summary>
    public long Piggyback(long watermark, bool toSlave)
    {
        // As Java: no offset travels with a pull from a slave; it is told apart if no master is there.
        var carried = offsets.IsAtBroker && !toSlave && watermark > Committed ? watermark : 0;
        Volatile.Write(ref _carried, carried);
        return carried;
    }

    /// <summary>The pull was answered, so the broker knows what it carried.</summary>
    public void PiggybackAcked()
    {
        if (Interlocked.Exchange(ref _carried, 0) is > 0 and var carried)
        {
            offsets.Update(queue, carried, increaseOnly: true);
            _hasUnstoredMove = false;
            Note(carried);
        }
    }

    /// <summary>The broker may have lost what it knew: it was away.</summary>
    public void LookAgain() => _lookAgain = true;

    /// <summary>Tells the watermark if it is news. When nothing was for a while, looks whether the broker still knows it.</summary>
    /// <exception cref="RocketMQException">The store did not take it; it is told again next time.</exception>
    public Task CommitAsync(Func<long> watermark) => InTurnAsync(
        async () =>
        {
            var offset = watermark();
            if (!await TellAsync(offset, evenIfKnown: false))
            {
                await LookAsync(offset);
            }
        },
        CancellationToken.None);

    /// <summary>
    /// Tells the watermark for the last time, even if it should be known: from then on the queue may be another member's.
    /// </summary>
    /// <inheritdoc cref="CommitAsync"/>
    public Task LeaveAsync(Func<long> watermark) => InTurnAsync(
        async () =>
        {
            try
            {
                await TellAsync(watermark(), evenIfKnown: true);
                await CheckNotOvertakenAsync();
            }
            finally
            {
                _left = true;
            }
        },
        CancellationToken.None);

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
            if (!isWanted())
            {
                return;
            }

            var isStored = true;
            offsets.Update(queue, offset, increaseOnly: false);
            try
            {
                await offsets.PersistAsync(queue);
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

            // A pull that was given up may bring the broker what it carried after this.
            _tellAgain = Interlocked.Exchange(ref _carried, 0) > 0 || !isStored;
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
            async () =>
            {
                try
                {
                    known = await offsets.ReadAsync(queue, OffsetReadMode.Store, cancellationToken);
                }
                finally
                {
                    Recall();
                }
            },
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

        // A pull under way may bring the broker an older offset after this one, which it would take; once more, then, when
        // that pull has long arrived.
        var mayBeOvertaken = isNews && Volatile.Read(ref _carried) is > 0 and var carried && carried < watermark;

        // Exactly that: what the store was seen to have, and notes itself, is not this queue's when the queue has moved.
        var offset = Math.Max(watermark, Committed);
        offsets.Update(queue, offset, increaseOnly: false);
        var isStored = await offsets.PersistAsync(queue);
        // Nor may this one undo what a pull has told since it was decided.
        _tellAgain = !isStored || mayBeOvertaken || Committed > offset;
        _hasUnstoredMove = false;
        Note(offset);
        return true;
    }

    /// <summary>
    /// A broker that crashed may have lost what it had not written yet, and a slave in its place may never have had it. Java's
    /// client tells in every round what it knows. Here an idle queue looks now and then, and tells it only if the broker has
    /// less: what another member has told meanwhile stays.
    /// </summary>
    private async Task LookAsync(long watermark)
    {
        var isDue = _lookAgain || time.GetElapsedTime(Volatile.Read(ref _lookedAt)) >= LookAfter;
        if (!isDue || _left || watermark < 0 || Committed < 0 || !offsets.IsAtBroker)
        {
            return;
        }

        Volatile.Write(ref _lookedAt, time.GetTimestamp());
        _lookAgain = false;
        long? known;
        try
        {
            known = await offsets.ReadAsync(queue, OffsetReadMode.Store, CancellationToken.None);
        }
        catch (RocketMQException)
        {
            // It is away: its next failure makes this queue look again, and so does time.
            return;
        }

        Recall();
        if (Volatile.Read(ref _carried) > Committed)
        {
            // A pull tells more than this would, which must not come after it. Whether the store took it shows with the next look.
            _lookAgain = true;
        }
        else if (known is null || known < Committed)
        {
            _tellAgain = !await offsets.PersistAsync(queue);
        }
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

    /// <summary>
    /// A pull that was given up may have carried an older offset, and its broker may take that after the last one. Looks
    /// what the broker has, and tells it again.
    /// </summary>
    private async Task CheckNotOvertakenAsync()
    {
        for (var attempt = 0; attempt < 3 && Volatile.Read(ref _carried) is > 0 and var carried && carried < Committed; attempt++)
        {
            if (await offsets.ReadAsync(queue, OffsetReadMode.Store, CancellationToken.None) >= Committed)
            {
                return;
            }

            offsets.Update(queue, Committed, increaseOnly: false);
            await offsets.PersistAsync(queue);
        }
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

using Orleans.Runtime;

namespace OrleansRocketMQ.Effects;

/// <summary>
/// A state that follows from messages, in memory and in its storage, and what is to be sent because of it. Memory never runs
/// ahead: what fails before it is stored, or whose write nobody knows the end of, is read again. For one call at a time, as a
/// grain gives it.
/// </summary>
/// <param name="storage">Where it is stored.</param>
/// <param name="outbox">Where messages go; asked for when there are any.</param>
/// <param name="giveUp">Called when the storage cannot be read either, so that this activation must not be asked any more.</param>
internal sealed class StoredEffects<TState>(
    IPersistentState<MessageDrivenState<TState>> storage, Func<IOutbox> outbox, Action giveUp)
    where TState : class, new()
{
    /// <summary>With so many messages that wait for a broker the grain takes no more, until some have gone.</summary>
    public const int MostUnsent = 1000;

    private IOutbox? _outbox;

    // False: what is in memory is not what is stored, and could not be read again yet.
    private bool _isKnown = true;

    // Whether the sweeper knows of this grain, and since when nothing was recorded here.
    private bool _isAnnounced;
    private bool _hasRecorded;

    // How many of the last recorded messages no write has stored yet: these must not be sent.
    private int _unstored;

    // Whether this activation has the version that is stored from a write of its own, so that no older one can write any more.
    private bool _hasWritten;

    // Whether it was told that there is no room.
    private bool _isToldFull;

    public TState Value => storage.State.Value;

    /// <inheritdoc cref="IHasOutbox.Full"/>
    public string? Full => Unsent.Count < MostUnsent
        ? null
        : $"{Unsent.Count} messages of the grain wait to be sent, the first to '{Unsent[0].Topic}'; till then it takes none.";

    private IOutbox Out => _outbox ??= outbox();

    private List<RecordedMessage> Unsent => storage.State.Outbox;

    /// <summary>
    /// Applies those of a call's messages that are new, stores what came of it in one write, and sends what is to be sent. No
    /// write, when none is new.
    /// </summary>
    /// <param name="count">How many messages there are.</param>
    /// <param name="messageAt">One of them.</param>
    /// <param name="queue">Where they come from.</param>
    /// <param name="reading">Which reading of it they belong to.</param>
    /// <param name="apply">Applies one of them to the state in memory.</param>
    /// <param name="cancellationToken">Once it has fired nothing is stored: the messages are somebody else's.</param>
    public async Task ApplyAsync(
        int count,
        Func<int, MessageExt> messageAt,
        MessageQueue queue,
        QueueReading reading,
        Func<int, ValueTask> apply,
        CancellationToken cancellationToken)
    {
        await KnowAsync();
        try
        {
            var isChanged = false;
            for (var index = 0; index < count; index++)
            {
                if (storage.State.Processed.TryAdd(messageAt(index), queue, reading))
                {
                    await apply(index);
                    isChanged = true;
                }
            }

            if (isChanged)
            {
                await StoreAsync(cancellationToken);
            }
        }
        catch
        {
            await ForgetAsync();
            throw;
        }

        await SendAsync();
    }

    /// <summary>Stores what has been changed in memory by other calls than messages, and sends what is to be sent.</summary>
    public async Task WriteAsync(CancellationToken cancellationToken)
    {
        try
        {
            await StoreAsync(cancellationToken);
        }
        catch
        {
            await ForgetAsync();
            throw;
        }

        await SendAsync();
    }

    /// <summary>Records a message: it is stored with the state, and sent afterwards.</summary>
    public void Record(RecordedMessage message)
    {
        Unsent.Add(message);
        _unstored++;
        _hasRecorded = true;
    }

    /// <inheritdoc cref="IHasOutbox.DrainAsync"/>
    public async Task<bool> DrainAsync()
    {
        await KnowAsync();
        var isQuiet = !_hasRecorded;
        _hasRecorded = false;
        await SendAsync();
        if (Unsent.Count > 0 || !isQuiet)
        {
            return false;
        }

        if (!_hasWritten)
        {
            // An activation before this one, whose silo was taken for dead, may be about to store what nobody would know of.
            await WriteAsync(CancellationToken.None);
        }

        _isAnnounced = false;
        return true;
    }

    private async Task StoreAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Unsent.Count > 0 && !_isAnnounced)
        {
            await Out.AnnounceAsync();
            _isAnnounced = true;
        }

        await storage.WriteStateAsync(cancellationToken);
        (_hasWritten, _unstored) = (true, 0);
    }

    /// <summary>Sends what is stored, in order, up to the first that no broker takes. What has gone is removed.</summary>
    private async Task SendAsync()
    {
        var sent = 0;
        while (sent < Unsent.Count - _unstored && await Out.TrySendAsync(Unsent[sent]))
        {
            sent++;
        }

        if (sent > 0)
        {
            await RemoveAsync(sent);
        }

        if (Full is { } why && !_isToldFull)
        {
            Out.TellFull(why);
        }

        _isToldFull = Full is not null;
    }

    private async Task RemoveAsync(int sent)
    {
        Unsent.RemoveRange(0, sent);
        try
        {
            await StoreAsync(CancellationToken.None);
        }
        catch (Exception)
        {
            // They are sent once more, under the same ids.
            await ForgetAsync();
        }
    }

    private async Task KnowAsync()
    {
        if (!_isKnown)
        {
            await storage.ReadStateAsync();
            (_isKnown, _unstored) = (true, 0);
        }
    }

    private async Task ForgetAsync()
    {
        (_isKnown, _hasWritten) = (false, false);
        try
        {
            await KnowAsync();
        }
        catch (Exception)
        {
            // The storage is away. The next activation reads what it has; the failure that led here is what is told.
            giveUp();
        }
    }
}

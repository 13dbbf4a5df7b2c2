using Orleans.Runtime;

namespace OrleansRocketMQ.Effects;

/// <summary>
/// A state that follows from messages, in memory and in its storage. Memory never runs ahead: what fails before it is stored,
/// or whose write nobody knows the end of, is read again. For one call at a time, as a grain gives it.
/// </summary>
/// <param name="storage">Where it is stored.</param>
/// <param name="giveUp">Called when the storage cannot be read either, so that this activation must not be asked any more.</param>
internal sealed class StoredEffects<TState>(IPersistentState<MessageDrivenState<TState>> storage, Action giveUp)
    where TState : class, new()
{
    // False: what is in memory is not what is stored, and could not be read again yet.
    private bool _isKnown = true;

    public TState Value => storage.State.Value;

    /// <summary>Applies those of a call's messages that are new, and stores what came of it in one write; none, when none is new.</summary>
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
    }

    /// <summary>Stores what has been changed in memory by other calls than messages.</summary>
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
    }

    private Task StoreAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return storage.WriteStateAsync(cancellationToken);
    }

    private async Task KnowAsync()
    {
        if (!_isKnown)
        {
            await storage.ReadStateAsync();
            _isKnown = true;
        }
    }

    private async Task ForgetAsync()
    {
        _isKnown = false;
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

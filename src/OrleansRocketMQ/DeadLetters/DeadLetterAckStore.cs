using Orleans;
using Orleans.Runtime;

namespace OrleansRocketMQ.DeadLetters;

/// <summary>
/// Knows which dead letters are handled: those below a queue's position, which the broker keeps, and single ones above it,
/// which the grain's storage keeps until the position passes them. Belongs to its grain's turns.
/// </summary>
internal sealed class DeadLetterAckStore(DeadLetterReader reader, IPersistentState<DeadLetterState> state)
{
    private readonly Dictionary<MessageQueue, long> _positions = [];

    public bool IsAcked(MessageQueue queue, long offset)
        => (_positions.TryGetValue(queue, out var position) && offset < position)
            || (Above(queue) is { } above && OffsetRanges.Contains(above, offset));

    /// <summary>Asks the broker where a queue's letters begin that are not handled; the oldest may have vanished.</summary>
    public async Task<long> ReadPositionAsync(MessageQueue queue, CancellationToken cancellationToken)
    {
        // While the broker is asked, sending letters again may move the position, between the turns: its word is newer then.
        var known = _positions.TryGetValue(queue, out var before);
        var position = await reader.GetPositionAsync(queue, cancellationToken);
        return _positions.TryGetValue(queue, out var now) && !(known && now == before) ? now : _positions[queue] = position;
    }

    /// <summary>One letter is handled.</summary>
    public async Task AckAsync(MessageQueue queue, long offset, CancellationToken cancellationToken)
    {
        var position = await PositionAsync(queue, cancellationToken);
        if (offset != position)
        {
            OffsetRanges.Add(Above(queue) ?? (state.State.Ranges[Key(queue)] = []), offset);
            await state.WriteStateAsync(CancellationToken.None);
            return;
        }

        // The usual case, one after the other: only the position moves, over those handled before, too.
        position++;
        await MoveAsync(queue, Above(queue) is { } above ? OffsetRanges.FirstGap(above, position) : position, cancellationToken);
    }

    /// <summary>All letters below an offset are handled; tells how many were not before.</summary>
    public async Task<long> AckBelowAsync(MessageQueue queue, long offset, CancellationToken cancellationToken)
    {
        var position = await PositionAsync(queue, cancellationToken);
        var end = Math.Min(offset, await reader.GetEndAsync(queue, cancellationToken));
        if (end <= position)
        {
            return 0;
        }

        var handled = Above(queue) is { } above ? OffsetRanges.CountBelow(above, end) : 0;
        await MoveAsync(queue, end, cancellationToken);
        return end - position - handled;
    }

    private async ValueTask<long> PositionAsync(MessageQueue queue, CancellationToken cancellationToken)
        => _positions.TryGetValue(queue, out var position) ? position : await ReadPositionAsync(queue, cancellationToken);

    private async Task MoveAsync(MessageQueue queue, long position, CancellationToken cancellationToken)
    {
        await reader.SetPositionAsync(queue, position, cancellationToken);
        _positions[queue] = position;
        if (Above(queue) is { } above)
        {
            OffsetRanges.RemoveBelow(above, position);
            if (above.Count == 0)
            {
                state.State.Ranges.Remove(Key(queue));
            }

            await state.WriteStateAsync(CancellationToken.None);
        }
    }

    private List<long>? Above(MessageQueue queue)
    {
        var key = Key(queue);
        if (state.State.Handled.Remove(key, out var single))
        {
            var ranges = state.State.Ranges[key] = state.State.Ranges.GetValueOrDefault(key) ?? [];
            foreach (var offset in single)
            {
                OffsetRanges.Add(ranges, offset);
            }
        }

        return state.State.Ranges.GetValueOrDefault(key);
    }

    private static string Key(MessageQueue queue) => $"{queue.BrokerName}/{queue.QueueId}";
}

/// <summary>What is stored of a group's dead letters: offsets handled above the position, by broker and queue.</summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.DeadLetterState")]
internal sealed class DeadLetterState
{
    /// <summary>One by one, as it was stored before; becomes <see cref="Ranges"/> when the queue is next looked at.</summary>
    [Id(0)]
    public Dictionary<string, HashSet<long>> Handled { get; set; } = new(StringComparer.Ordinal);

    /// <summary>See <see cref="OffsetRanges"/>.</summary>
    [Id(1)]
    public Dictionary<string, List<long>> Ranges { get; set; } = new(StringComparer.Ordinal);
}

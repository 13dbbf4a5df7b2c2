using Orleans;
using Orleans.Runtime;

namespace OrleansRocketMQ.DeadLetters;

/// <summary>
/// Knows which dead letters are handled: those below a queue's position, which the broker keeps, and single ones above it,
/// which the grain's storage keeps until the position passes them. Belongs to its grain's turns.
/// </summary>
internal sealed class DeadLetterMarks(DeadLetterReader reader, IPersistentState<DeadLetterState> state)
{
    private readonly Dictionary<MessageQueue, long> _positions = [];

    public bool IsHandled(MessageQueue queue, long offset)
        => (_positions.TryGetValue(queue, out var position) && offset < position) || Above(queue)?.Contains(offset) is true;

    /// <summary>Asks the broker where a queue's letters begin that are not handled; the oldest may have vanished.</summary>
    public async Task<long> ReadPositionAsync(MessageQueue queue, CancellationToken cancellationToken)
        => _positions[queue] = await reader.GetPositionAsync(queue, cancellationToken);

    /// <summary>One letter is handled.</summary>
    public async Task HandleAsync(MessageQueue queue, long offset, CancellationToken cancellationToken)
    {
        var position = await PositionAsync(queue, cancellationToken);
        if (offset != position)
        {
            (state.State.Handled.TryGetValue(Key(queue), out var known) ? known : state.State.Handled[Key(queue)] = []).Add(offset);
            await state.WriteStateAsync(CancellationToken.None);
            return;
        }

        // The usual case, one after the other: only the position moves, over those handled before, too.
        var above = Above(queue);
        do
        {
            position++;
        }
        while (above?.Contains(position) is true);

        await MoveAsync(queue, position, cancellationToken);
    }

    /// <summary>All letters below an offset are handled; tells how many were not before.</summary>
    public async Task<long> HandleBelowAsync(MessageQueue queue, long offset, CancellationToken cancellationToken)
    {
        var position = await PositionAsync(queue, cancellationToken);
        var end = Math.Min(offset, await reader.GetEndAsync(queue, cancellationToken));
        if (end <= position)
        {
            return 0;
        }

        var handled = Above(queue)?.Count(known => known < end) ?? 0;
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
            above.RemoveWhere(offset => offset < position);
            if (above.Count == 0)
            {
                state.State.Handled.Remove(Key(queue));
            }

            await state.WriteStateAsync(CancellationToken.None);
        }
    }

    private HashSet<long>? Above(MessageQueue queue) => state.State.Handled.GetValueOrDefault(Key(queue));

    private static string Key(MessageQueue queue) => $"{queue.BrokerName}/{queue.QueueId}";
}

/// <summary>What is stored of a group's dead letters: offsets handled above the position, by broker and queue.</summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.DeadLetterState")]
internal sealed class DeadLetterState
{
    [Id(0)]
    public Dictionary<string, HashSet<long>> Handled { get; set; } = new(StringComparer.Ordinal);
}

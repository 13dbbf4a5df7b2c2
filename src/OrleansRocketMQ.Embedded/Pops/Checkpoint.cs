using OrleansRocketMQ.Embedded.State;

namespace OrleansRocketMQ.Embedded.Pops;

/// <summary>What a checkpoint is known by: one pop of one queue.</summary>
internal readonly record struct CheckpointKey(string Group, string Topic, int QueueId, long StartOffset, long PopTime);

/// <summary>
/// Messages of one pop of one queue that somebody works on, until when, and which of them are done. Not thread-safe. Mirrors
/// <c>PopCheckPoint</c>.
/// </summary>
internal sealed class Checkpoint(CheckpointKey key, long invisibleTime, IReadOnlyList<long> offsets)
{
    private readonly List<long> _open = [.. offsets];

    public CheckpointKey Key { get; } = key;

    /// <summary>When what is not done is offered again, milliseconds since 1970 UTC.</summary>
    public long ReviveTime { get; set; } = key.PopTime + Math.Clamp(invisibleTime, 0, long.MaxValue - Math.Max(0, key.PopTime));

    /// <summary>The messages that are not done.</summary>
    public IReadOnlyList<long> Open => _open;

    public bool IsDone => _open.Count == 0;

    public static Checkpoint Of(SavedCheckpoint saved) => new(
        new(saved.Group, saved.Topic, saved.QueueId, saved.StartOffset, saved.PopTime),
        saved.ReviveTime - saved.PopTime,
        saved.Open);

    public SavedCheckpoint Save()
        => new(Key.Group, Key.Topic, Key.QueueId, Key.StartOffset, Key.PopTime, ReviveTime, [.. _open]);

    public void Ack(long offset) => _open.Remove(offset);
}

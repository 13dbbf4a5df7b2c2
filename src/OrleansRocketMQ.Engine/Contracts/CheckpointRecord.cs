namespace OrleansRocketMQ.Engine.Contracts;

/// <summary>What is kept of a queue's checkpoint.</summary>
/// <param name="Committed">What was committed when it was written. A store that knows less was moved back on purpose.</param>
/// <param name="Progress">How far the queue was.</param>
/// <param name="Newest">The last message that was seen for sure; null when none is known.</param>
internal sealed record CheckpointRecord(long Committed, AckSnapshot Progress, SeenMessage? Newest);

/// <summary>A message that came with a pull.</summary>
/// <param name="Offset">Its place.</param>
/// <param name="Id">Its id: a broker that lost its last messages has others at their offsets, which nobody has seen.</param>
internal sealed record SeenMessage(long Offset, string Id);

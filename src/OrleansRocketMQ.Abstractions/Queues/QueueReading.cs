using Orleans;

namespace OrleansRocketMQ;

/// <summary>
/// Which reading of a queue a batch belongs to. Each seek of an operator begins another one; within one reading the messages of
/// a queue, and of a key in it, come one behind the other. Immutable.
/// </summary>
/// <param name="Seek">The number of the last seek that moved the queue; grows with each, 0 when there was none.</param>
/// <param name="Effects">
/// The number of the last seek that said that effects are to run again (<c>SeekTarget.EffectsAgain</c>); 0 when none did.
/// </param>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.QueueReading")]
public readonly record struct QueueReading([property: Id(0)] long Seek, [property: Id(1)] long Effects);

using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;

namespace OrleansRocketMQ.Outboxes;

/// <summary>
/// Knows which grains of a group may have messages to send, and has them sent: also those of grains that nobody calls any more.
/// One for each group and storage; see <see cref="OutboxPlace"/>.
/// </summary>
[Alias("OrleansRocketMQ.IOutboxIndexGrain")]
internal interface IOutboxIndexGrain : IGrainWithStringKey
{
    /// <summary>A grain is about to store messages. Returns once that is stored.</summary>
    [AlwaysInterleave]
    [Alias("Add")]
    Task AddAsync(GrainId grain);

    /// <summary>Lets the grains send what they have left. Silos call it again and again.</summary>
    [AlwaysInterleave]
    [Alias("Sweep")]
    Task SweepAsync();
}

/// <summary>What every grain with an outbox can be asked.</summary>
[Alias("OrleansRocketMQ.IOutboxDrain")]
internal interface IOutboxDrain : IGrainExtension
{
    /// <summary>Sends what is there. True when all is sent and the grain need not be asked again before it announces itself.</summary>
    [Alias("Drain")]
    Task<bool> DrainAsync();
}

/// <summary>What is stored of an index.</summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.OutboxIndexState")]
internal sealed class OutboxIndexState
{
    /// <summary>The ids of the grains.</summary>
    [Id(0)]
    public string[] Grains { get; set; } = [];
}

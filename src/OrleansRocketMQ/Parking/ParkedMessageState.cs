using Orleans;

namespace OrleansRocketMQ.Parking;

/// <summary>What is stored of a group's parked messages.</summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.ParkedMessageState")]
internal sealed class ParkedMessageState
{
    /// <summary>By number, ascending.</summary>
    [Id(0)]
    public List<ParkedMessage> Messages { get; set; } = [];

    /// <summary>The last number given.</summary>
    [Id(1)]
    public long LastNumber { get; set; }
}

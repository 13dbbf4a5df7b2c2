using Orleans;

namespace OrleansRocketMQ.Parking;

/// <summary>The side of the grain of parked messages that the group's queues use; the key is the group.</summary>
[Alias("OrleansRocketMQ.IParkingGrain")]
internal interface IParkingGrain : IGrainWithStringKey
{
    /// <summary>Notes a message and gives it a number; one that is noted already keeps its own.</summary>
    [Alias("Park")]
    Task ParkAsync(ParkedMessage message);
}

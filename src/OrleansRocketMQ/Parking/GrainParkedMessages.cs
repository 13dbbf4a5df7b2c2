using Orleans;

namespace OrleansRocketMQ.Parking;

/// <summary>Parks the messages of a group in its grain.</summary>
internal sealed class GrainParkedMessages(IGrainFactory grains, string group) : IParkedMessageStore
{
    public Task ParkAsync(ParkedMessage message, CancellationToken cancellationToken)
        => grains.GetGrain<IParkingGrain>(group).ParkAsync(message).WaitAsync(cancellationToken);
}

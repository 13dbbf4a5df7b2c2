using Orleans;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Parking;

/// <summary>Parks the messages of a group in its grain.</summary>
internal sealed class GrainParkedMessages(IGrainFactory grains, string group) : IParkedMessageStore
{
    public Task ParkAsync(MessageToPark message, CancellationToken cancellationToken)
        => grains.GetGrain<IParkingGrain>(group).ParkAsync(Describe(message)).WaitAsync(cancellationToken);

    private static ParkedMessage Describe(MessageToPark parked) => new()
    {
        Queue = parked.Queue,
        Offset = parked.Offset,
        MessageId = parked.MessageId,
        Topic = parked.Topic,
        Keys = parked.Message?.Keys,
        Tags = parked.Message?.Tags,
        ReconsumeTimes = parked.Message?.ReconsumeTimes ?? 0,
        Born = parked.Message is { } message ? StoredTime.Of(message.BornTimestamp) : default,
        Parked = parked.Parked,
        StoreSize = parked.Message?.StoreSize ?? 0,
        Reason = parked.Reason,
    };
}

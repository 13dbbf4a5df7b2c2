using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Engine.Simulation.Pops;

/// <summary>Where messages are noted that no broker takes.</summary>
internal sealed class PopParking(PopWorld world) : IParkedMessageStore
{
    public async Task ParkAsync(MessageToPark message, CancellationToken cancellationToken)
    {
        await world.Time.Delay(TimeSpan.FromMilliseconds(2), cancellationToken);
        world.Find(message.Message!).Entry.IsDead = true;
    }
}

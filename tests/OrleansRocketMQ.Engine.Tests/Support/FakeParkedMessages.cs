using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Engine.Tests.Support;

/// <summary>Parked messages in memory.</summary>
internal sealed class FakeParkedMessages : IParkedMessageStore
{
    private readonly Dictionary<(MessageQueue Queue, long Offset), MessageToPark> _parked = [];

    public bool Fails { get; set; }

    public IReadOnlyCollection<MessageToPark> Parked => _parked.Values;

    public Task ParkAsync(MessageToPark message, CancellationToken cancellationToken)
    {
        if (Fails)
        {
            throw new InvalidOperationException("The storage is away.");
        }

        _parked.TryAdd((message.Queue, message.Offset), message);
        return Task.CompletedTask;
    }
}

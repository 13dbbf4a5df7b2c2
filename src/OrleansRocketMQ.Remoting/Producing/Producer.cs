using OrleansRocketMQ.Clients;
namespace OrleansRocketMQ.Producing;
/// <summary>stub until the real one lands.</summary>
public sealed class Producer(RocketMQClient client)
{
    /// <summary>s</summary>
    public Task SendAsync(Message message, CancellationToken cancellationToken = default) => throw new InvalidOperationException(client.ToString());
}

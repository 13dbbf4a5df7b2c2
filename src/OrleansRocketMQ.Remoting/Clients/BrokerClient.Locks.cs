using System.Text.Json;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

public sealed partial class BrokerClient
{
    /// <summary>LOCK_BATCH_MQ: locks queues for a client, or renews its locks, which brokers let go after 60 s.</summary>
    /// <returns>Those of the queues that the client now holds.</returns>
    public Task<IReadOnlyList<MessageQueue>> LockAsync(
        string address,
        string consumerGroup,
        string clientId,
        IEnumerable<MessageQueue> queues,
        CancellationToken cancellationToken = default)
    {
        var request = RemotingCommand.Request(RequestCodes.LockBatchMessageQueue, LockBody(consumerGroup, clientId, queues));
        return AskAsync(address, request, LockedOf, cancellationToken);
    }

    /// <summary>UNLOCK_BATCH_MQ: lets locks of a client go.</summary>
    /// <param name="address">The broker.</param>
    /// <param name="consumerGroup">The group.</param>
    /// <param name="clientId">Who holds the locks.</param>
    /// <param name="queues">The queues.</param>
    /// <param name="oneWay">Whether to do without the broker's answer. Default false.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    public Task UnlockAsync(
        string address,
        string consumerGroup,
        string clientId,
        IEnumerable<MessageQueue> queues,
        bool oneWay = false,
        CancellationToken cancellationToken = default)
    {
        var request = RemotingCommand.Request(RequestCodes.UnlockBatchMessageQueue, LockBody(consumerGroup, clientId, queues), oneWay);
        return oneWay
            ? TellAsync(address, request, cancellationToken).AsTask()
            : InvokeAsync(address, request, cancellationToken: cancellationToken);
    }

    private IReadOnlyList<MessageQueue> LockedOf(RemotingCommand response)
    {
        var answer = TolerantJson.Read(response.Body.Span, ProtocolJson.Default.LockBatchResponse);
        return [.. (answer.LockOKMQSet ?? []).Select(queue => Remoting.Names.Unwrap(queue.ToQueue()))];
    }

    private byte[] LockBody(string consumerGroup, string clientId, IEnumerable<MessageQueue> queues) => JsonSerializer.SerializeToUtf8Bytes(
        new LockBatchRequest
        {
            ConsumerGroup = Remoting.Names.Wrap(consumerGroup),
            ClientId = clientId,
            MqSet = [.. queues.Select(queue => QueueKey.Of(queue) with { Topic = Remoting.Names.Wrap(queue.Topic) })],
        },
        ProtocolJson.Default.LockBatchRequest);
}

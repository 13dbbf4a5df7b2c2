using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Brokers;

/// <summary>The brokers, over the connections of this silo. Thread-safe.</summary>
internal sealed class ClientBrokers(RocketMQClient client) : IBrokers
{
    private readonly StoredMessageSender _sender = new(client);

    public Task HeartbeatToAsync(string address, CancellationToken cancellationToken)
        => client.HeartbeatToAsync(address, cancellationToken);

    public ValueTask<PullResult> PullAsync(string address, PullRequest request, TimeSpan? timeout, CancellationToken cancellationToken)
        => request.Queue.IsLogical
            ? new(client.Routes.AtLeaderAsync(
                request.Queue,
                leader => client.Brokers.PullAsync(leader, request, timeout, cancellationToken).AsTask(),
                cancellationToken))
            : client.Brokers.PullAsync(address, request, timeout, cancellationToken);

    public Task<long> GetMinOffsetAsync(string address, MessageQueue queue, CancellationToken cancellationToken)
        => AskAsync(address, queue, broker => client.Brokers.GetMinOffsetAsync(broker, queue, cancellationToken), cancellationToken);

    public Task<long> GetMaxOffsetAsync(string address, MessageQueue queue, CancellationToken cancellationToken)
        => AskAsync(address, queue, broker => client.Brokers.GetMaxOffsetAsync(broker, queue, cancellationToken), cancellationToken);

    public Task<long> SearchOffsetAsync(string address, MessageQueue queue, long timestamp, CancellationToken cancellationToken)
        => AskAsync(
            address,
            queue,
            broker => client.Brokers.SearchOffsetAsync(broker, queue, timestamp, cancellationToken: cancellationToken),
            cancellationToken);

    public Task<long?> QueryConsumerOffsetAsync(
        string address, string group, MessageQueue queue, bool? setZeroIfNotFound, CancellationToken cancellationToken)
        => AskAsync(
            address,
            queue,
            broker => client.Brokers.QueryConsumerOffsetAsync(broker, group, queue, setZeroIfNotFound, cancellationToken),
            cancellationToken);

    public Task UpdateConsumerOffsetAsync(
        string address, string group, MessageQueue queue, long offset, CancellationToken cancellationToken)
        => queue.IsLogical
            ? client.Routes.AtLeaderAsync(
                queue,
                leader => client.Brokers.UpdateConsumerOffsetAsync(leader, group, queue, offset, cancellationToken: cancellationToken),
                cancellationToken)
            : client.Brokers.UpdateConsumerOffsetAsync(address, group, queue, offset, cancellationToken: cancellationToken);

    public Task<IReadOnlyList<MessageQueue>> LockAsync(
        string address, string group, string clientId, IEnumerable<MessageQueue> queues, CancellationToken cancellationToken)
        => client.Brokers.LockAsync(address, group, clientId, queues, cancellationToken);

    public Task UnlockAsync(
        string address, string group, string clientId, IEnumerable<MessageQueue> queues, CancellationToken cancellationToken)
        => client.Brokers.UnlockAsync(address, group, clientId, queues, cancellationToken: cancellationToken);

    public Task<IReadOnlyList<string>> GetConsumerIdsAsync(string address, string group, CancellationToken cancellationToken)
        => client.Brokers.GetConsumerIdsAsync(address, group, cancellationToken);

    public Task SendBackAsync(string address, SendBackRequest request, CancellationToken cancellationToken)
        => client.Brokers.SendMessageBackAsync(
        address,
        request.Message.BrokerName,
        request.Message.CommitLogOffset,
        request.Group,
        request.DelayLevel,
        request.Message.MessageId,
        request.Message.Topic,
        request.MaxReconsumeTimes,
        request.UnitMode,
        cancellationToken);

    public Task<int?> GetRetryQueueNumsAsync(string address, string group, CancellationToken cancellationToken)
        => client.Brokers.GetRetryQueueNumsAsync(address, group, cancellationToken);

    public Task SendCopyAsync(SendMessageRequest copy, CancellationToken cancellationToken) => _sender.SendAsync(copy, cancellationToken);

    // A logical queue may have been handed over since its broker was looked up.
    private Task<T> AskAsync<T>(string address, MessageQueue queue, Func<string, Task<T>> ask, CancellationToken cancellationToken)
        => queue.IsLogical ? client.Routes.AtLeaderAsync(queue, ask, cancellationToken) : ask(address);
}

/// <summary>What this silo knows of where brokers are. Thread-safe.</summary>
internal sealed class ClientRoutes(RouteTable routes) : IRoutes
{
    public BrokerAddress? FindAddress(MessageQueue queue, long brokerId, bool onlyThisBroker)
        => routes.FindAddressOf(queue, brokerId, onlyThisBroker);

    public BrokerAddress? FindMasterOf(MessageExt message)
    {
        if (!MessageQueue.IsLogicalBroker(message.BrokerName))
        {
            return routes.FindAddress(message.BrokerName, onlyThisBroker: true);
        }

        // Each piece of a logical queue is at a broker of its own; a message says where it was stored.
        var storedAt = message.StoreHost.ToString();
        return routes.Brokers.Where(broker => !broker.IsSlave && broker.Address == storedAt).Cast<BrokerAddress?>().FirstOrDefault();
    }

    public TopicRoute? Find(string topic) => routes.Find(topic);

    public void Doubt(string topic, Exception reason) => routes.Doubt(topic, reason);
}

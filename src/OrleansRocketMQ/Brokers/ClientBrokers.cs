using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Brokers;

/// <summary>The brokers, over the connections of this silo. Thread-safe.</summary>
internal sealed class ClientBrokers(RocketMQClient client, ILogger<ClientBrokers> logger) : IBrokers
{
    private readonly StoredMessageSender _sender = new(client);
    private readonly BrokerTimers _timers = new(client, logger);

    public Task HeartbeatToAsync(string address, CancellationToken cancellationToken)
        => client.HeartbeatToAsync(address, cancellationToken);

    public ValueTask<PullResult> PullAsync(string address, PullRequest request, TimeSpan? timeout, CancellationToken cancellationToken)
        => client.Brokers.PullAsync(address, request, timeout, cancellationToken);

    public Task<long> GetMinOffsetAsync(string address, MessageQueue queue, CancellationToken cancellationToken)
        => client.Brokers.GetMinOffsetAsync(address, queue, cancellationToken);

    public Task<long> GetMaxOffsetAsync(string address, MessageQueue queue, CancellationToken cancellationToken)
        => client.Brokers.GetMaxOffsetAsync(address, queue, cancellationToken);

    public Task<long> SearchOffsetAsync(string address, MessageQueue queue, long timestamp, CancellationToken cancellationToken)
        => client.Brokers.SearchOffsetAsync(address, queue, timestamp, cancellationToken: cancellationToken);

    public Task<long?> QueryConsumerOffsetAsync(
        string address, string group, MessageQueue queue, bool? setZeroIfNotFound, CancellationToken cancellationToken)
        => client.Brokers.QueryConsumerOffsetAsync(address, group, queue, setZeroIfNotFound, cancellationToken);

    public Task UpdateConsumerOffsetAsync(
        string address, string group, MessageQueue queue, long offset, CancellationToken cancellationToken)
        => client.Brokers.UpdateConsumerOffsetAsync(address, group, queue, offset, cancellationToken: cancellationToken);

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

    public Task<SubscriptionGroupConfig> GetGroupConfigAsync(string address, string group, CancellationToken cancellationToken)
        => client.Brokers.GetGroupConfigAsync(address, group, cancellationToken);

    public Task<SubscriptionGroupConfig?> FindGroupConfigAsync(string address, string group, CancellationToken cancellationToken)
        => client.Brokers.FindGroupConfigAsync(address, group, cancellationToken);

    public Task SendCopyAsync(SendMessageRequest copy, CancellationToken cancellationToken) => _sender.SendAsync(copy, cancellationToken);

    public Task<bool> SendTimedCopyAsync(SendMessageRequest copy, CancellationToken cancellationToken)
        => _sender.SendTimedAsync(copy, _timers, cancellationToken);
}

/// <summary>What this silo knows of where brokers are. Thread-safe.</summary>
internal sealed class ClientRoutes(RouteTable routes) : IRoutes
{
    public BrokerAddress? FindAddress(string brokerName, long brokerId, bool onlyThisBroker)
        => routes.FindAddress(brokerName, brokerId, onlyThisBroker);

    public TopicRoute? Find(string topic) => routes.Find(topic);

    public void Doubt(string topic, Exception reason) => routes.Doubt(topic, reason);
}

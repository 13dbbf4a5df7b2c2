using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Brokers;

/// <summary>The brokers, over the connections of this silo. Thread-safe.</summary>
internal sealed class ClientBrokers(RocketMQClient client, ILogger<ClientBrokers> logger, ISettlements? settlements = null) : IBrokers
{
    private readonly StoredMessageSender _sender = new(client);
    private readonly BrokerTimers _timers = new(client, logger);
    private readonly ConcurrentDictionary<string, bool> _withoutBatchAck = new(StringComparer.Ordinal);

    public Task HeartbeatToAsync(string address, CancellationToken cancellationToken)
        => client.HeartbeatToAsync(address, cancellationToken);

    public ValueTask<PullResult> PullAsync(string address, PullRequest request, TimeSpan? timeout, CancellationToken cancellationToken)
        => request.Queue.IsLogical
            ? new(client.Routes.AtLeaderAsync(
                request.Queue,
                leader => client.Brokers.PullAsync(leader, request, timeout, cancellationToken).AsTask(),
                cancellationToken))
            : client.Brokers.PullAsync(address, request, timeout, cancellationToken);

    public Task<PopResult> PopAsync(string address, PopRequest request, CancellationToken cancellationToken)
        => client.Brokers.PopAsync(address, request, cancellationToken: cancellationToken);

    public Task ResetOffsetAsync(string address, string group, MessageQueue queue, long offset, CancellationToken cancellationToken)
        => client.Brokers.ResetConsumerOffsetAsync(address, group, queue, offset, cancellationToken);

    public Task AckAsync(
        string address, string group, string topic, IReadOnlyCollection<ReceiptHandle> handles, CancellationToken cancellationToken)
        => MeasureAsync(
            () => AcknowledgeAsync(address, group, topic, handles, cancellationToken), new(SettlementKind.Ack, group, topic, address));

    private async Task AcknowledgeAsync(
        string address, string group, string topic, IReadOnlyCollection<ReceiptHandle> handles, CancellationToken cancellationToken)
    {
        if (handles.Count > 1 && !_withoutBatchAck.ContainsKey(address))
        {
            try
            {
                await client.Brokers.BatchAckAsync(address, group, topic, handles, cancellationToken);
                return;
            }
            catch (BrokerResponseException refused) when (refused.ResponseCode == ResponseCodes.RequestCodeNotSupported)
            {
                // Of 5.0.
                _withoutBatchAck[address] = true;
            }
        }

        await Task.WhenAll(handles.Select(handle => client.Brokers.AckAsync(address, group, topic, handle, cancellationToken)));
    }

    public Task<ReceiptHandle?> ChangeInvisibleTimeAsync(
        string address,
        string group,
        string topic,
        ReceiptHandle handle,
        TimeSpan invisibleTime,
        CancellationToken cancellationToken)
        => client.Brokers.ChangeInvisibleTimeAsync(address, group, topic, handle, invisibleTime, cancellationToken);

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
        => MeasureAsync(
            () => queue.IsLogical
                ? client.CommitLogicalOffsetAsync(group, queue, offset, cancellationToken)
                : client.Brokers.UpdateConsumerOffsetAsync(address, group, queue, offset, cancellationToken: cancellationToken),
            new(SettlementKind.Ack, group, queue.Topic, address));

    public Task<IReadOnlyList<MessageQueue>> LockAsync(
        string address, string group, string clientId, IEnumerable<MessageQueue> queues, CancellationToken cancellationToken)
        => client.Brokers.LockAsync(address, group, clientId, queues, cancellationToken);

    public Task UnlockAsync(
        string address, string group, string clientId, IEnumerable<MessageQueue> queues, CancellationToken cancellationToken)
        => client.Brokers.UnlockAsync(address, group, clientId, queues, cancellationToken: cancellationToken);

    public Task<IReadOnlyList<string>> GetConsumerIdsAsync(string address, string group, CancellationToken cancellationToken)
        => client.Brokers.GetConsumerIdsAsync(address, group, cancellationToken);

    public Task SendBackAsync(string address, SendBackRequest request, CancellationToken cancellationToken)
        => MeasureAsync(
            () => client.Brokers.SendMessageBackAsync(
                address,
                request.Message.BrokerName,
                request.Message.CommitLogOffset,
                request.Group,
                request.DelayLevel,
                request.Message.MessageId,
                request.Message.Topic,
                request.MaxReconsumeTimes,
                request.UnitMode,
                cancellationToken),
            new(KindOf(request), request.Group, request.Message.Topic, address));

    public Task<SubscriptionGroupConfig> GetGroupConfigAsync(string address, string group, CancellationToken cancellationToken)
        => client.Brokers.GetGroupConfigAsync(address, group, cancellationToken);

    public Task<SubscriptionGroupConfig?> FindGroupConfigAsync(string address, string group, CancellationToken cancellationToken)
        => client.Brokers.FindGroupConfigAsync(address, group, cancellationToken);

    public Task SendCopyAsync(SendMessageRequest copy, CancellationToken cancellationToken)
        => MeasureCopyAsync(copy, () => _sender.SendAsync(copy, cancellationToken));

    public async Task<bool> SendTimedCopyAsync(SendMessageRequest copy, CancellationToken cancellationToken)
        => await MeasureCopyAsync(copy, () => _sender.SendTimedAsync(copy, _timers, cancellationToken)) is not null;

    // As brokers decide by it.
    private static SettlementKind KindOf(SendBackRequest request)
        => request.DelayLevel < 0 || request.Message.ReconsumeTimes >= request.MaxReconsumeTimes
            ? SettlementKind.Reject
            : SettlementKind.Nack;

    // A logical queue may have been handed over since its broker was looked up.
    private Task<T> AskAsync<T>(string address, MessageQueue queue, Func<string, Task<T>> ask, CancellationToken cancellationToken)
        => queue.IsLogical ? client.Routes.AtLeaderAsync(queue, ask, cancellationToken) : ask(address);

    private async Task<string?> MeasureCopyAsync(SendMessageRequest copy, Func<Task<string?>> send)
    {
        var kind = copy.ReconsumeTimes > copy.MaxReconsumeTimes ? SettlementKind.Reject : SettlementKind.Nack;
        var start = client.Remoting.TimeProvider.GetTimestamp();
        string? server = null;
        Exception? error = null;
        try
        {
            return server = await send();
        }
        catch (Exception exception)
        {
            error = exception;
            throw;
        }
        finally
        {
            // A broker without timers was told nothing.
            if (server is not null || error is not null)
            {
                Tell(new(kind, copy.ProducerGroup, copy.Topic, server), start, error);
            }
        }
    }

    private async Task MeasureAsync(Func<Task> settle, Settlement settlement)
    {
        var start = client.Remoting.TimeProvider.GetTimestamp();
        try
        {
            await settle();
        }
        catch (Exception exception)
        {
            Tell(settlement, start, exception);
            throw;
        }

        Tell(settlement, start, error: null);
    }

    private void Tell(Settlement settlement, long start, Exception? error)
    {
        if (settlements is { AreWanted: true })
        {
            settlements.Settled(settlement, client.Remoting.TimeProvider.GetElapsedTime(start), error);
        }
    }
}

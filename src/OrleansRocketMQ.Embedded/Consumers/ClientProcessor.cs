using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Embedded.Filtering;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Consumers;

/// <summary>
/// Heartbeats, and who is in which group. Mirrors <c>ClientManageProcessor</c>, the list of members of
/// <c>ConsumerManageProcessor</c> and <c>DefaultConsumerIdsChangeListener</c>.
/// </summary>
internal sealed partial class ClientProcessor(
    ConsumerTable consumers,
    ProducerTable producers,
    GroupTable groups,
    TopicTable topics,
    EmbeddedRocketMQOptions options,
    ILogger logger)
{
    // Heartbeats of version 2 come with a fingerprint of the client's subscriptions; one is remembered per group.
    private readonly ConcurrentDictionary<string, int> _fingerprints = new(StringComparer.Ordinal);

    public void AddTo(RequestTable table)
    {
        table.Add(RequestCodes.HeartBeat, Heartbeat);
        table.Add(RequestCodes.UnregisterClient, Unregister);
        table.Add(RequestCodes.CheckClientConfig, (_, request) => Check(request));
        table.Add(RequestCodes.GetConsumerListByGroup, (_, request) => ListMembers(request));
    }

    /// <summary>A connection has ended: it is no member of anything any more.</summary>
    public void Forget(ClientPeer peer)
    {
        producers.Leave(peer);
        foreach (var (group, change) in consumers.Leave(peer))
        {
            Notify(group, change);
        }
    }

    /// <summary>Closes the connections of clients that have sent no heartbeat for too long.</summary>
    public void CloseSilent()
    {
        foreach (var peer in consumers.TakeSilent(options.ClientExpiry).Concat(producers.TakeSilent(options.ClientExpiry)).Distinct())
        {
            Log.ClientExpired(logger, peer.ClientId, peer.Address);
            peer.Connection.Close(new RocketMQNetworkException(
                $"{peer.ClientId} has sent no heartbeat for {options.ClientExpiry.TotalSeconds:0} s."));
        }
    }

    private RemotingCommand Heartbeat(ClientPeer peer, RemotingCommand request)
    {
        var heartbeat = TolerantJson.Read(request.Body.Span, ProtocolJson.Default.HeartbeatData);
        var isV2 = heartbeat.HeartbeatFingerprint != 0;
        var changedSince = false;
        peer.ClientId = heartbeat.ClientId;
        foreach (var data in heartbeat.ConsumerDataSet ?? [])
        {
            if (isV2 && _fingerprints.TryGetValue(data.GroupName, out var known) && known != heartbeat.HeartbeatFingerprint)
            {
                changedSince = true;
            }

            _fingerprints[data.GroupName] = heartbeat.HeartbeatFingerprint;
            if (groups.Find(data.GroupName) is not { } group)
            {
                continue;
            }

            topics.Ensure(SystemTopics.Retry(group.Name), group.RetryQueueNums);
            var member = new ConsumerMember(
                peer, heartbeat.ClientId, request.Language, request.Version, options.TimeProvider.GetTimestamp());
            var change = consumers.Register(data, member, keepSubscriptions: isV2 && heartbeat.WithoutSub);
            if (change.Changed)
            {
                Log.GroupChanged(logger, data.GroupName, heartbeat.ClientId);
                Notify(group, change);
            }
        }

        foreach (var data in heartbeat.ProducerDataSet ?? [])
        {
            producers.Register(data.GroupName, peer);
        }

        // In version 1 the answer always says that subscriptions changed, so that a client which turns to version 2 sends all first.
        return RemotingCommand.Response(request, ResponseCodes.Success)
            .Set("IS_SUPPORT_HEART_BEAT_V2", true)
            .Set("IS_SUB_CHANGE", !isV2 || changedSince);
    }

    private RemotingCommand Unregister(ClientPeer peer, RemotingCommand request)
    {
        if (request["producerGroup"] is { } producerGroup)
        {
            producers.Unregister(producerGroup, peer);
        }

        if (request["consumerGroup"] is { } consumerGroup)
        {
            Notify(consumerGroup, consumers.Unregister(consumerGroup, peer));
        }

        return RemotingCommand.Response(request, ResponseCodes.Success);
    }

    private RemotingCommand Check(RemotingCommand request)
    {
        var check = TolerantJson.Read(request.Body.Span, ProtocolJson.Default.CheckClientRequest);
        var type = check.SubscriptionData?.ExpressionType;
        if (Subscription.IsTagType(type))
        {
            return RemotingCommand.Response(request, ResponseCodes.Success);
        }

        if (!options.EnablePropertyFilter)
        {
            return RemotingCommand.Response(
                request, ResponseCodes.SystemError, $"The broker does not support consumer to filter message by {type}");
        }

        try
        {
            SqlFilter.Compile(check.SubscriptionData!.SubString);
            return RemotingCommand.Response(request, ResponseCodes.Success);
        }
        catch (SqlFilterException exception)
        {
            return RemotingCommand.Response(request, ResponseCodes.SubscriptionParseFailed, exception.Message);
        }
    }

    private RemotingCommand ListMembers(RemotingCommand request)
    {
        var group = request.GetRequired("consumerGroup");
        if (consumers.View(group) is not { Members.Count: > 0 } view)
        {
            return RemotingCommand.Response(request, ResponseCodes.SystemError, $"no consumer for this group, {group}");
        }

        // One entry per connection: a client with two is listed twice, as in RocketMQ.
        var ids = new ConsumerIdList { ConsumerIds = [.. view.Members.Select(member => member.ClientId)] };
        return RemotingCommand.Response(
            request, ResponseCodes.Success, body: JsonSerializer.SerializeToUtf8Bytes(ids, ProtocolJson.Default.ConsumerIdList));
    }

    private void Notify(string group, GroupChange change)
    {
        if (change.ToNotify.Count > 0 && groups.Find(group) is { } config)
        {
            Notify(config, change);
        }
    }

    private void Notify(GroupConfig group, GroupChange change)
    {
        if (!group.NotifyConsumerIdsChangedEnable)
        {
            return;
        }

        foreach (var peer in change.ToNotify)
        {
            _ = NotifyAsync(peer, group.Name);
        }
    }

    private async Task NotifyAsync(ClientPeer peer, string group)
    {
        try
        {
            await peer.Connection.SendAsync(
                RemotingCommand.Request(RequestCodes.NotifyConsumerIdsChanged, oneWay: true)
                    .Set("consumerGroup", group)).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // Mostly it is leaving the group as well; that will be told to the others in turn.
            Log.NotNotified(logger, peer.Address, group, exception.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(120, LogLevel.Debug, "Group {Group} changed by the heartbeat of {ClientId}")]
        public static partial void GroupChanged(ILogger logger, string group, string clientId);

        [LoggerMessage(121, LogLevel.Information, "Client {ClientId} at {Address} has sent no heartbeat for too long")]
        public static partial void ClientExpired(ILogger logger, string? clientId, string address);

        [LoggerMessage(122, LogLevel.Debug, "{Address} could not be told that group {Group} changed: {Reason}")]
        public static partial void NotNotified(ILogger logger, string address, string group, string reason);
    }
}

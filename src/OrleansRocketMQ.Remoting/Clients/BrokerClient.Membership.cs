using System.Text.Json;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>What a broker answers to a heartbeat. Mirrors <c>HeartbeatV2Result</c>.</summary>
/// <param name="BrokerVersion">The broker's protocol level, an ordinal of <c>MQVersion</c>.</param>
/// <param name="SupportsHeartbeatV2">Whether it knows heartbeats of version 2 (<c>IS_SUPPORT_HEART_BEAT_V2</c>).</param>
/// <param name="SubscriptionChanged">Whether a heartbeat of version 2 must bring the subscriptions again (<c>IS_SUB_CHANGE</c>).</param>
public readonly record struct HeartbeatResult(int BrokerVersion, bool SupportsHeartbeatV2, bool SubscriptionChanged);

public sealed partial class BrokerClient
{
    /// <summary>HEART_BEAT: tells who this client is and what its groups subscribe to.</summary>
    public async Task<HeartbeatResult> HeartbeatAsync(
        string address,
        HeartbeatData heartbeat,
        CancellationToken cancellationToken = default)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(heartbeat, ProtocolJson.Default.HeartbeatData);
        var request = RemotingCommand.Request(RequestCodes.HeartBeat, body);
        var response = await InvokeAsync(address, request, cancellationToken: cancellationToken).ConfigureAwait(false);
        return new(response.Version, response.GetBoolean("IS_SUPPORT_HEART_BEAT_V2"), response.GetBoolean("IS_SUB_CHANGE"));
    }

    /// <summary>UNREGISTER_CLIENT: leaves a consumer group, a producer group or both.</summary>
    public Task UnregisterAsync(
        string address,
        string clientId,
        string? producerGroup,
        string? consumerGroup,
        CancellationToken cancellationToken = default)
        => InvokeAsync(
            address,
            RemotingCommand.Request(RequestCodes.UnregisterClient)
                .Set("clientID", clientId)
                .Set("producerGroup", producerGroup)
                .Set("consumerGroup", consumerGroup),
            cancellationToken: cancellationToken);

    /// <summary>GET_CONSUMER_LIST_BY_GROUP: the client ids of a group's members; none when the broker knows no member.</summary>
    public async Task<IReadOnlyList<string>> GetConsumerIdsAsync(
        string address,
        string consumerGroup,
        CancellationToken cancellationToken = default)
    {
        var request = RemotingCommand.Request(RequestCodes.GetConsumerListByGroup).Set("consumerGroup", consumerGroup);
        var response = await AskAsync(address, request, cancellationToken: cancellationToken).ConfigureAwait(false);
        return response.Code switch
        {
            ResponseCodes.Success when response.Body.IsEmpty => [],
            ResponseCodes.Success => TolerantJson.Read(response.Body.Span, ProtocolJson.Default.ConsumerIdList).ConsumerIds ?? [],
            // How brokers say that nobody of the group is there.
            ResponseCodes.SystemError => [],
            _ => throw Refused(address, request, response),
        };
    }

    /// <summary>CHECK_CLIENT_CONFIG: whether the broker accepts a subscription; for SQL92 it compiles the expression.</summary>
    /// <exception cref="BrokerResponseException">It does not; the remark says why.</exception>
    public Task CheckClientConfigAsync(string address, CheckClientRequest check, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(check);
        var names = Remoting.Names;
        var onTheWire = check with { Group = names.Wrap(check.Group), SubscriptionData = names.Wrap(check.SubscriptionData) };
        return InvokeAsync(
            address,
            RemotingCommand.Request(
                RequestCodes.CheckClientConfig,
                JsonSerializer.SerializeToUtf8Bytes(onTheWire, ProtocolJson.Default.CheckClientRequest)),
            cancellationToken: cancellationToken);
    }
}

using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

public sealed partial class BrokerClient
{
    /// <summary>
    /// CONSUMER_SEND_MSG_BACK: has the broker put a message that could not be consumed into the group's %RETRY% topic, or
    /// into its %DLQ% topic when it has been tried often enough.
    /// </summary>
    /// <param name="address">The master of the broker set the message came from.</param>
    /// <param name="brokerName">The name of that broker set.</param>
    /// <param name="commitLogOffset">Where the message is, <see cref="MessageExt.CommitLogOffset"/>.</param>
    /// <param name="consumerGroup">The group.</param>
    /// <param name="delayLevel">When it comes back: a level of the broker; 0: later with each try; -1: never, it is dead.</param>
    /// <param name="originMessageId">The message's id, <see cref="MessageExt.MessageId"/>.</param>
    /// <param name="originTopic">The message's topic.</param>
    /// <param name="maxReconsumeTimes">After how many tries it is dead; overrides the group's setting at the broker.</param>
    /// <param name="unitMode">Whether the group is of unit mode.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    public Task SendMessageBackAsync(
        string address,
        string brokerName,
        long commitLogOffset,
        string consumerGroup,
        int delayLevel,
        string? originMessageId,
        string? originTopic,
        int maxReconsumeTimes,
        bool unitMode = false,
        CancellationToken cancellationToken = default)
        => InvokeAsync(
            address,
            RemotingCommand.Request(RequestCodes.ConsumerSendMessageBack, fieldCount: 8)
                .Set("offset", commitLogOffset)
                .Set("group", consumerGroup)
                .Set("delayLevel", delayLevel)
                .Set("originMsgId", originMessageId)
                .Set("originTopic", originTopic)
                .Set("unitMode", unitMode)
                .Set("maxReconsumeTimes", maxReconsumeTimes)
                .Set("bname", brokerName),
            PatientTimeout,
            cancellationToken);

    /// <summary>GET_SUBSCRIPTIONGROUP_CONFIG: how the broker treats a group.</summary>
    /// <exception cref="BrokerResponseException">The broker does not know the group, or is older than 5.0 and not the question.</exception>
    internal async Task<SubscriptionGroupConfig> GetGroupConfigAsync(
        string address, string consumerGroup, CancellationToken cancellationToken = default)
    {
        var response = await InvokeAsync(
            address,
            RemotingCommand.Request(RequestCodes.GetSubscriptionGroupConfig).Set("group", consumerGroup),
            cancellationToken: cancellationToken).ConfigureAwait(false);
        return TolerantJson.Read(response.Body.Span, ProtocolJson.Default.SubscriptionGroupConfig);
    }

    /// <summary>GET_ALL_SUBSCRIPTIONGROUP_CONFIG: the same, of a broker that does not know the question for one group.</summary>
    /// <returns>Null when the broker does not know the group.</returns>
    internal Task<SubscriptionGroupConfig?> FindGroupConfigAsync(
        string address, string consumerGroup, CancellationToken cancellationToken = default)
        => AskAsync(
            address,
            RemotingCommand.Request(RequestCodes.GetAllSubscriptionGroupConfig),
            response => TolerantJson.Read(response.Body.Span, ProtocolJson.Default.SubscriptionGroups)
                .SubscriptionGroupTable.GetValueOrDefault(Remoting.Names.Wrap(consumerGroup)),
            cancellationToken);

    /// <summary>VIEW_MESSAGE_BY_ID: reads one message from the broker its id names.</summary>
    /// <param name="offsetMessageId">The broker's id of the message, <see cref="MessageExt.OffsetMessageId"/>.</param>
    /// <param name="topic">Its topic, if known.</param>
    /// <param name="options">Null means <see cref="MessageDecoderOptions.Default"/>.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <exception cref="RocketMQValidationException">The id is none of a broker.</exception>
    /// <exception cref="BrokerResponseException">The broker has no message there.</exception>
    public Task<MessageExt> ViewMessageAsync(
        string offsetMessageId,
        string? topic = null,
        MessageDecoderOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        var (host, offset) = OffsetMessageId.Parse(offsetMessageId);
        return ViewMessageAsync(host.ToString(), offset, topic, options, cancellationToken);
    }

    /// <summary>VIEW_MESSAGE_BY_ID: reads the message at a position of a broker's commit log.</summary>
    /// <exception cref="BrokerResponseException">The broker has no message there.</exception>
    public async Task<MessageExt> ViewMessageAsync(
        string address,
        long commitLogOffset,
        string? topic = null,
        MessageDecoderOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        var request = RemotingCommand.Request(RequestCodes.ViewMessageById).Set("offset", commitLogOffset).Set("topic", topic);
        var response = await InvokeAsync(address, request, cancellationToken: cancellationToken).ConfigureAwait(false);
        var how = (options ?? MessageDecoderOptions.Default) with { Namespace = Remoting.Names };
        var messages = MessageDecoder.DecodeAll(response.Body, string.Empty, how);
        return messages.Count > 0
            ? messages[0]
            : throw new MessageFormatException("number of messages", "0", "the one asked for");
    }
}

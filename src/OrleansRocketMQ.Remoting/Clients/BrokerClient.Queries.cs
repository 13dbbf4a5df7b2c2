using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

public sealed partial class BrokerClient
{
    /// <summary>
    /// QUERY_MESSAGE: finds messages of a topic at one broker by a key, or by the id their producer gave. Brokers look by a hash of
    /// the key; messages of other keys are left out here. Mirrors <c>MQAdminImpl.queryMessage</c>.
    /// </summary>
    /// <param name="address">A broker.</param>
    /// <param name="topic">The topic.</param>
    /// <param name="key">One of the messages' keys, or their <see cref="MessageExt.MessageId"/>.</param>
    /// <param name="from">Stored at this time or later; brokers look to the second.</param>
    /// <param name="to">Stored at this time or before.</param>
    /// <param name="most">How many at most; brokers answer 64 at most, and 32 by an id. Default 32.</param>
    /// <param name="byId">Whether it is the id that the producer gave. Default false: it is a key.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <returns>The messages, the oldest first; none when the broker finds none.</returns>
    /// <exception cref="BrokerResponseException">The broker refuses.</exception>
    public async Task<IReadOnlyList<MessageExt>> QueryMessagesAsync(
        string address,
        string topic,
        string key,
        DateTimeOffset from,
        DateTimeOffset to,
        int most = 32,
        bool byId = false,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(key);
        var request = RemotingCommand.Request(RequestCodes.QueryMessage)
            .Set("topic", topic)
            .Set("key", key)
            .Set("maxNum", most)
            .Set("beginTimestamp", from.ToUnixTimeMilliseconds())
            .Set("endTimestamp", to.ToUnixTimeMilliseconds())
            .Set("_UNIQUE_KEY_QUERY", byId);
        var response = await AskAsync(address, request, PatientTimeout, cancellationToken);
        if (response.Code == ResponseCodes.QueryNotFound)
        {
            return [];
        }

        if (response.Code != ResponseCodes.Success)
        {
            throw Refused(address, request, response);
        }

        var messages = MessageDecoder.DecodeAll(
            response.Body, string.Empty, MessageDecoderOptions.Default with { Namespace = Remoting.Names });
        return [.. messages.Where(message => byId ? message.MessageId == key : HasKey(message, key))];
    }

    private static bool HasKey(MessageExt message, string key)
        => message.GetProperty(MessageProperties.Keys)?.Split(MessageProperties.KeySeparator).Contains(key) == true;
}

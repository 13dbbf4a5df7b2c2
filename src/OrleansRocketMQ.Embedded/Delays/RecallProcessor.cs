using System.Globalization;
using System.Text;
using OrleansRocketMQ.Embedded.Intake;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Delays;

/// <summary>
/// Takes back messages that wait for their time: stores another one, for the same time, that says so. Mirrors
/// <c>RecallMessageProcessor</c>.
/// </summary>
internal sealed class RecallProcessor(string brokerName, MessageIntake intake, MessageStore store, TopicTable topics, bool enabled)
{
    public void AddTo(RequestTable table) => table.Add(RequestCodes.RecallMessage, Handle);

    private RemotingCommand Handle(ClientPeer peer, RemotingCommand request)
    {
        if (!enabled)
        {
            return Refuse(request, ResponseCodes.NoPermission, "recall failed, operation is forbidden");
        }

        var topic = request["topic"] ?? string.Empty;
        if (topics.Find(topic) is null)
        {
            return Refuse(request, ResponseCodes.TopicNotExist, $"recall failed, the topic[{topic}] not exist");
        }

        if (ParseOrNull(request["recallHandle"]) is not { } handle)
        {
            return Refuse(request, ResponseCodes.IllegalOperation, "recall handle is invalid");
        }

        if (Complaint(handle, topic) is { } complaint)
        {
            return Refuse(request, ResponseCodes.IllegalOperation, complaint);
        }

        return intake.TryPut(DeletionOf(handle, peer, request["producerGroup"]), out _)
            ? RemotingCommand.Response(request, ResponseCodes.Success).Set("msgId", handle.MessageId)
            : Refuse(request, ResponseCodes.SystemError, "recall failed, execute error");
    }

    private string? Complaint(RecallHandle handle, string topic)
    {
        if (handle.Topic != topic)
        {
            return "recall failed, topic not match";
        }

        if (handle.BrokerName != brokerName)
        {
            return "recall failed, broker service not available";
        }

        return long.TryParse(handle.Due, NumberStyles.None, CultureInfo.InvariantCulture, out var due)
            && due - store.Now is > 0 and < TimerProperties.LongestDelay
                ? null
                : "recall failed, timestamp invalid";
    }

    private OutgoingMessage DeletionOf(RecallHandle handle, ClientPeer peer, string? producerGroup)
    {
        var properties = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            [MessageProperties.Tags] = "_RECALL_TAG_",
            [TimerProperties.DeleteKey] = TimerProperties.DeleteKeyOf(handle.Topic, handle.MessageId),
            [MessageProperties.UniqueKey] = handle.MessageId,
            [MessageProperties.TimerDeliverMilliseconds] = handle.Due,
        };
        if (producerGroup is not null)
        {
            properties[MessageProperties.ProducerGroup] = producerGroup;
        }

        return new()
        {
            Topic = handle.Topic,
            QueueId = 0,
            Body = "0"u8.ToArray(),
            Properties = properties,
            BornTimestamp = store.Now,
            BornHost = peer.Remote,
        };
    }

    private static RecallHandle? ParseOrNull(string? text)
    {
        try
        {
            return text is null ? null : RecallHandle.Parse(text);
        }
        catch (RocketMQValidationException)
        {
            return null;
        }
    }

    private static RemotingCommand Refuse(RemotingCommand request, int code, string remark)
        => RemotingCommand.Response(request, code, remark);
}

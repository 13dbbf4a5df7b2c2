using System.Globalization;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Embedded.Intake;
using OrleansRocketMQ.Embedded.Locks;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Embedded.Transactions;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Sends;

/// <summary>Stores what producers send. Mirrors <c>SendMessageProcessor</c>.</summary>
internal sealed partial class SendProcessor(
    MessageIntake intake,
    HalfMessages halfMessages,
    TopicTable topics,
    GroupTable groups,
    QueueLockTable locks,
    string brokerName,
    EmbeddedRocketMQOptions options,
    ILogger logger)
{
    // From this version on a client's own limit of attempts is honoured (V3_4_9).
    internal const int VersionWithMaxReconsumeTimes = 121;

    private const string Faq = "See https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.";
    private const string NotAvailable = "service not available now. It may be caused by one of the following reasons: "
        + "the broker's disk is full, messages are put to the slave, message store has been shut down, etc.";
    private const string Region = "DefaultRegion";

    public void AddTo(RequestTable table)
    {
        table.Add(RequestCodes.SendMessage, Handle);
        table.Add(RequestCodes.SendMessageV2, Handle);
        table.Add(RequestCodes.SendBatchMessage, Handle);
    }

    private RemotingCommand Handle(ClientPeer peer, RemotingCommand request)
    {
        try
        {
            return Store(peer, request);
        }
        catch (IOException exception)
        {
            Log.NotStored(logger, peer.Address, exception);
            return Respond(request, ResponseCodes.ServiceNotAvailable, $"{NotAvailable} {exception.Message}");
        }
    }

    private RemotingCommand Store(ClientPeer peer, RemotingCommand request)
    {
        var send = new SendRequest(request);
        if (Check(peer, request, send, out var topic) is { } refusal)
        {
            return refusal;
        }

        var queueId = send.QueueId >= 0 ? send.QueueId : Random.Shared.Next(Math.Max(1, topic.WriteQueues));
        send.Properties[MessageProperties.MessageRegion] = Region;
        send.Properties[MessageProperties.TraceSwitch] = "true";
        send.Properties.Remove("POP_CK");
        return send.IsBatch ? PutBatch(peer, request, send, queueId, topic.KeepsBatches) : PutOne(peer, request, send, queueId);
    }

    private RemotingCommand? Check(ClientPeer peer, RemotingCommand request, SendRequest send, out TopicConfig topic)
    {
        topic = null!;
        if (ReservedTopics.Complaint(send.Topic) is { } complaint)
        {
            return Respond(request, ResponseCodes.InvalidParameter, complaint);
        }

        if (!ReservedTopics.AllowsSending(send.Topic))
        {
            return Respond(request, ResponseCodes.NoPermission, $"Sending message to topic[{send.Topic}] is forbidden.");
        }

        var found = topics.FindOrCreateForSend(send.Topic, send.DefaultTopic, send.DefaultTopicQueues);
        if (found is null)
        {
            return Respond(request, ResponseCodes.TopicNotExist, $"topic[{send.Topic}] not exist, apply first please!{Faq}");
        }

        // Read queues count too, so that a topic can shrink without losing what producers with an old route send.
        if (send.QueueId >= Math.Max(found.WriteQueues, found.ReadQueues))
        {
            return Respond(
                request,
                ResponseCodes.InvalidParameter,
                $"request queueId[{send.QueueId}] is illegal, {found} Producer: {peer.Address}");
        }

        topic = found;
        return null;
    }

    private RemotingCommand PutOne(ClientPeer peer, RemotingCommand request, SendRequest send, int queueId)
    {
        var properties = send.Properties;
        var topicName = send.Topic;
        if (SystemTopics.IsRetry(topicName) && RedirectToDeadLetter(request, send, ref topicName, ref queueId) is { } refusal)
        {
            return refusal;
        }

        if (!properties.ContainsKey(MessageProperties.UniqueKey))
        {
            properties[MessageProperties.UniqueKey] = Guid.NewGuid().ToString("N").ToUpperInvariant();
        }

        properties[MessageProperties.Cluster] = options.ClusterName;
        var message = new OutgoingMessage
        {
            Topic = topicName,
            QueueId = queueId,
            Body = request.Body,
            Properties = properties,
            Flag = send.Flag,
            SysFlag = send.SysFlag,
            BornTimestamp = send.BornTimestamp,
            BornHost = peer.Remote,
            ReconsumeTimes = send.ReconsumeTimes,
            DelayLevel = OutgoingMessage.DelayLevelOf(properties),
        };

        // A retried message of a transaction is an ordinary one; old clients leave the mark on it.
        var prepared = properties.GetValueOrDefault(MessageProperties.TransactionPrepared);
        var isHalf = string.Equals(prepared, "true", StringComparison.OrdinalIgnoreCase)
            && !(message.ReconsumeTimes > 0 && message.DelayLevel > 0);
        return (isHalf ? halfMessages.TryPut(message, out var placement) : intake.TryPut(message, out placement))
            ? Stored(request, queueId, placement, intake.OffsetId(placement.LogOffset), properties)
                .Set("recallHandle", RecallHandleOf(properties)?.ToString())
            : Refuse(request, message.Refusal ?? intake.TooLarge);
    }

    /// <summary>How to take back a message that waits for its time. Mirrors <c>attachRecallHandle</c>.</summary>
    private RecallHandle? RecallHandleOf(Dictionary<string, string> properties)
        => properties.TryGetValue(MessageProperties.TimerOutMilliseconds, out var text)
            && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var slot)
            && properties.TryGetValue(MessageProperties.RealTopic, out var topic)
            && !SystemTopics.IsRetry(topic)
                ? new(topic, brokerName, (slot + 1).ToString(CultureInfo.InvariantCulture), properties[MessageProperties.UniqueKey])
                : null;

    private RemotingCommand PutBatch(ClientPeer peer, RemotingCommand request, SendRequest send, int queueId, bool staysWhole)
    {
        if (SystemTopics.IsRetry(send.Topic))
        {
            return Respond(request, ResponseCodes.MessageIllegal, $"batch request does not support retry group {send.Topic}");
        }

        send.Properties[MessageProperties.Cluster] = options.ClusterName;
        var batch = new OutgoingMessage
        {
            Topic = send.Topic,
            QueueId = queueId,
            Body = request.Body,
            Properties = send.Properties,
            Flag = send.Flag,
            SysFlag = send.SysFlag,
            BornTimestamp = send.BornTimestamp,
            BornHost = peer.Remote,
            ReconsumeTimes = send.ReconsumeTimes,
        };
        if (staysWhole && send.Properties.TryGetValue(MessageProperties.UniqueKey, out var batchId))
        {
            return intake.TryPutWhole(batch, out var whole)
                ? Stored(request, queueId, whole, intake.OffsetId(whole.LogOffset), send.Properties).Set("batchUniqId", batchId)
                : Refuse(request, intake.TooLarge);
        }

        if (!intake.TryPutBatch(batch, out var placements) || placements.Length == 0)
        {
            return Refuse(request, intake.TooLarge);
        }

        var ids = string.Join(',', placements.Select(placement => intake.OffsetId(placement.LogOffset)));
        return Stored(request, queueId, placements[0], ids, send.Properties);
    }

    /// <summary>
    /// A consumer that could not send a message back sends it to its retry topic itself; what has failed too often, or
    /// comes from an orderly group, goes to the dead-letter topic instead.
    /// </summary>
    private RemotingCommand? RedirectToDeadLetter(RemotingCommand request, SendRequest send, ref string topic, ref int queueId)
    {
        var groupName = topic[SystemTopics.RetryPrefix.Length..];
        if (groups.Find(groupName) is not { } group)
        {
            return Respond(request, ResponseCodes.SubscriptionGroupNotExist, $"subscription group not exist, {groupName} {Faq}");
        }

        var most = request.Version >= VersionWithMaxReconsumeTimes ? send.MaxReconsumeTimes ?? group.RetryMaxTimes : group.RetryMaxTimes;
        if (send.ReconsumeTimes <= most && !locks.HasAny(groupName))
        {
            return null;
        }

        topic = SystemTopics.DeadLetter(groupName);
        queueId = 0;
        topics.Ensure(topic, 1);
        send.Properties[MessageProperties.DelayTimeLevel] = "-1";
        return null;
    }

    private static RemotingCommand Stored(
        RemotingCommand request,
        int queueId,
        Placement placement,
        string ids,
        Dictionary<string, string> properties)
        => Respond(request, placement.IsNotFlushed ? ResponseCodes.FlushDiskTimeout : ResponseCodes.Success)
            .Set("queueId", queueId)
            .Set("transactionId", properties.GetValueOrDefault(MessageProperties.UniqueKey))
            .Set("msgId", ids)
            .Set("queueOffset", placement.QueueOffset);

    private static RemotingCommand Refuse(RemotingCommand request, Refusal refusal) => Respond(request, refusal.Code, refusal.Remark);

    private static RemotingCommand Respond(RemotingCommand request, int code, string? remark = null)
        => RemotingCommand.Response(request, code, remark)
            .Set(MessageProperties.MessageRegion, Region)
            .Set(MessageProperties.TraceSwitch, true);

    private static partial class Log
    {
        [LoggerMessage(163, LogLevel.Error, "A message of {Address} could not be stored and is refused")]
        public static partial void NotStored(ILogger logger, string address, Exception exception);
    }
}

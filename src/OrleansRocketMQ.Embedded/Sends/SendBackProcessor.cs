using System.Globalization;
using OrleansRocketMQ.Embedded.Intake;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Sends;

/// <summary>
/// Takes back a message a consumer failed on, to be retried later or laid aside. Mirrors
/// <c>AbstractSendMessageProcessor.consumerSendMsgBack</c>.
/// </summary>
internal sealed class SendBackProcessor(MessageIntake intake, TopicTable topics, GroupTable groups)
{
    private const string Faq = "See https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.";

    // The first retry waits 10 s, delay level 3; each further one a level more.
    private const int FirstDelayLevel = 3;

    public void AddTo(RequestTable table) => table.Add(RequestCodes.ConsumerSendMessageBack, (_, request) => Handle(request));

    private RemotingCommand Handle(RemotingCommand request)
    {
        var groupName = request.GetRequired("group");
        var offset = request.GetInt64("offset");
        if (groups.Find(groupName) is not { } group)
        {
            return RemotingCommand.Response(
                request, ResponseCodes.SubscriptionGroupNotExist, $"subscription group not exist, {groupName} {Faq}");
        }

        if (group.RetryQueueNums <= 0)
        {
            return RemotingCommand.Response(request, ResponseCodes.Success);
        }

        var retryTopic = topics.Ensure(SystemTopics.Retry(groupName), group.RetryQueueNums);
        if (!retryTopic.IsWritable)
        {
            return RemotingCommand.Response(
                request,
                ResponseCodes.NoPermission,
                $"the topic[{retryTopic.Name}] sending message is forbidden");
        }

        if (!intake.TryRead(offset, out var stored, out var body))
        {
            return RemotingCommand.Response(request, ResponseCodes.SystemError, $"look message by offset failed, {offset}");
        }

        var most = request.Version >= SendProcessor.VersionWithMaxReconsumeTimes
            ? request.GetInt32("maxReconsumeTimes", group.RetryMaxTimes)
            : group.RetryMaxTimes;
        var level = request.GetInt32("delayLevel");
        var isDead = stored.ReconsumeTimes >= most || level < 0;
        level = isDead ? 0 : level == 0 ? FirstDelayLevel + stored.ReconsumeTimes : level;

        var message = OutgoingMessage.From(
            stored,
            body,
            isDead ? topics.Ensure(SystemTopics.DeadLetter(groupName), 1).Name : retryTopic.Name,
            isDead ? 0 : Random.Shared.Next(group.RetryQueueNums),
            stored.ReconsumeTimes + 1);
        message.Properties.TryAdd(MessageProperties.RetryTopic, stored.Topic);
        message.Properties[MessageProperties.WaitStoreMessageOk] = "false";
        message.Properties[MessageProperties.DelayTimeLevel] = level.ToString(CultureInfo.InvariantCulture);
        message.Properties.TryAdd(MessageProperties.OriginMessageId, stored.OffsetMessageId);
        message.DelayLevel = level;
        return intake.TryPut(message, out _)
            ? RemotingCommand.Response(request, ResponseCodes.Success)
            : RemotingCommand.Response(request, ResponseCodes.SystemError, "MESSAGE_ILLEGAL");
    }
}

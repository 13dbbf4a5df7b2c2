using OrleansRocketMQ.Embedded.Filtering;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Pops;

/// <summary>
/// Answers pops, and questions whether there is something to pop, at once or when messages come. Mirrors
/// <c>PopMessageProcessor</c> and <c>NotificationProcessor</c>.
/// </summary>
internal sealed class PopProcessor(
    Popper popper,
    PollHold pops,
    PollHold notifications,
    TopicTable topics,
    GroupTable groups,
    MessageStore store,
    EmbeddedRocketMQOptions options)
{
    private const string Faq = "See https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.";

    // How much later than its own time a request may come.
    private const long MostLate = 500;

    public void AddTo(RequestTable table)
    {
        table.Add(RequestCodes.PopMessage, PopAsync);
        table.Add(RequestCodes.Notification, NotifyAsync);
    }

    // Woken, a request is looked at from the start: group and topic may have changed meanwhile.
    private async ValueTask<RemotingCommand?> PopAsync(ClientPeer peer, RemotingCommand request)
    {
        var pop = new PopCommand(request, store.Now);
        var filter = FilterOf(pop);
        TopicConfig? topic = null;
        while (true)
        {
            if ((RefusePop(request, pop) ?? Refuse(peer, request, pop, out topic)) is { } refusal)
            {
                return refusal;
            }

            if (filter is null)
            {
                return RemotingCommand.Response(
                    request, ResponseCodes.SubscriptionParseFailed, "parse the consumer's subscription failed");
            }

            var seen = pops.ArrivalsOf(pop.Topic);
            var popped = popper.Pop(pop, topic!, filter);
            if (popped.Count > 0)
            {
                if (popped.Rest > 0)
                {
                    pops.WakeOne(pop.Topic, pop.Group, pop.QueueId);
                }

                return Answer(request, pop, popped, ResponseCodes.Success, "FOUND");
            }

            if (popped.HasMore)
            {
                continue;
            }

            var poll = new HeldPoll(peer, pop.Group, pop.QueueId, filter, pop.Expires);
            switch (pop.PollTime > 0 ? pops.TryHold(pop.Topic, poll, seen) : HoldOutcome.TimedOut)
            {
                case HoldOutcome.Full:
                    return Answer(request, pop, popped, ResponseCodes.PollingFull, "NO_MESSAGE_IN_QUEUE");
                case HoldOutcome.TimedOut:
                    return Answer(request, pop, popped, ResponseCodes.PollingTimeout, "NO_MESSAGE_IN_QUEUE");
                default:
                    if (!await poll.Ended)
                    {
                        return null;
                    }

                    break;
            }
        }
    }

    private async ValueTask<RemotingCommand?> NotifyAsync(ClientPeer peer, RemotingCommand request)
    {
        var pop = new PopCommand(request, store.Now);
        while (true)
        {
            if (Refuse(peer, request, pop, out var topic) is { } refusal)
            {
                return refusal;
            }

            var seen = notifications.ArrivalsOf(pop.Topic);
            var hasMessages = popper.HasMessages(pop, topic!);
            var poll = new HeldPoll(peer, pop.Group, pop.QueueId, filter: null, pop.Expires);
            var outcome = hasMessages || pop.PollTime <= 0 ? HoldOutcome.TimedOut : notifications.TryHold(pop.Topic, poll, seen);
            if (outcome != HoldOutcome.Held)
            {
                return RemotingCommand.Response(request, ResponseCodes.Success)
                    .Set("hasMsg", hasMessages)
                    .Set("pollingFull", outcome == HoldOutcome.Full);
            }

            if (!await poll.Ended)
            {
                return null;
            }
        }
    }

    private static RemotingCommand Answer(RemotingCommand request, PopCommand pop, Popped popped, int code, string remark)
    {
        var answer = RemotingCommand.Response(request, code, remark, bodyParts: popped.Count > 0 ? popped.Parts : null)
            .Set("popTime", popped.PopTime)
            .Set("invisibleTime", pop.InvisibleTime)
            .Set("reviveQid", popped.ReviveQueueId)
            .Set("restNum", popped.Rest)
            .Set("startOffsetInfo", popped.Offsets.StartOffsetInfo)
            .Set("msgOffsetInfo", popped.Offsets.MessageOffsetInfo);
        return pop.IsOrdered ? answer.Set("orderCountInfo", popped.Offsets.OrderCountInfo) : answer;
    }

    private RemotingCommand? RefusePop(RemotingCommand request, PopCommand pop)
    {
        if (pop.Expires < store.Now - MostLate)
        {
            return RemotingCommand.Response(
                request, ResponseCodes.PollingTimeout, $"the broker[{options.ToldAddress}] pop message is timeout too much");
        }

        if (pop.MaxMessages > PopCommand.MostMessages)
        {
            return RemotingCommand.Response(
                request,
                ResponseCodes.InvalidParameter,
                $"the broker[{options.ToldAddress}] pop message's num is greater than {PopCommand.MostMessages}");
        }

        return options.TimerWheelEnable
            ? null
            : RemotingCommand.Response(
                request,
                ResponseCodes.SystemError,
                $"the broker[{options.ToldAddress}] pop message is forbidden because timerWheelEnable is false");
    }

    private RemotingCommand? Refuse(ClientPeer peer, RemotingCommand request, PopCommand pop, out TopicConfig? topic)
    {
        topic = topics.Find(pop.Topic);
        if (topic is null)
        {
            return RemotingCommand.Response(
                request, ResponseCodes.TopicNotExist, $"topic[{pop.Topic}] not exist, apply first please! {Faq}");
        }

        if (!topic.IsReadable)
        {
            return RemotingCommand.Response(
                request, ResponseCodes.NoPermission, $"the topic[{pop.Topic}] peeking message is forbidden");
        }

        if (pop.QueueId >= topic.ReadQueues)
        {
            return RemotingCommand.Response(
                request,
                ResponseCodes.InvalidParameter,
                $"queueId[{pop.QueueId}] is illegal, topic:[{pop.Topic}] "
                    + $"topicConfig.readQueueNums:[{topic.ReadQueues}] consumer:[/{peer.Address}]");
        }

        if (groups.Find(pop.Group) is not { } group)
        {
            return RemotingCommand.Response(
                request, ResponseCodes.SubscriptionGroupNotExist, $"subscription group [{pop.Group}] does not exist, {Faq}");
        }

        return group.ConsumeEnable
            ? null
            : RemotingCommand.Response(request, ResponseCodes.NoPermission, $"subscription group no permission, {pop.Group}");
    }

    private static MessageFilter? FilterOf(PopCommand pop)
    {
        try
        {
            return pop.Subscription().Filter;
        }
        catch (RocketMQException)
        {
            return null;
        }
    }
}

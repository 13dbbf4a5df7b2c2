using OrleansRocketMQ.Embedded.Consumers;
using OrleansRocketMQ.Embedded.Filtering;
using OrleansRocketMQ.Embedded.Offsets;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Pulls;

/// <summary>
/// Answers pulls, at once or when messages come, on a master or on a slave. Mirrors <c>PullMessageProcessor</c> and
/// <c>DefaultPullMessageResultHandler</c>.
/// </summary>
internal sealed class PullProcessor(
    long brokerId,
    Func<bool> isActing,
    IMessageReader store,
    PullHold? hold,
    ConsumerTable consumers,
    TopicTable topics,
    GroupTable groups,
    OffsetTable offsets,
    EmbeddedRocketMQOptions options)
{
    private const string Rejected = "[REJECTREQUEST]system busy, start flow control for a while";
    private const string Faq = "See https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.";

    private readonly long _slowBytes = options.SlowReadBytes ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 100 * 40;

    // One that acts as master serves as one.
    private bool IsSlave => brokerId != BrokerData.MasterId && !isActing();

    public void AddTo(RequestTable table)
    {
        table.Add(RequestCodes.PullMessage, HandleAsync);
        table.Add(RequestCodes.LitePullMessage, HandleAsync);
    }

    private ValueTask<RemotingCommand?> HandleAsync(ClientPeer peer, RemotingCommand request)
    {
        if (brokerId != BrokerData.MasterId && !options.SlaveReadEnable)
        {
            return ValueTask.FromResult<RemotingCommand?>(RemotingCommand.Response(request, ResponseCodes.SystemBusy, Rejected));
        }

        var pull = new PullRequest(request);
        MessageFilter? filter = null;
        var response = Refuse(peer, request, pull, out var group, out var topic)
            ?? Answer(request, pull, group!, topic!, out filter, first: true);
        return filter is not null && response.Code == ResponseCodes.PullNotFound && pull.MaySuspend && hold is not null
            ? AnswerLaterAsync(hold, peer, request, pull, filter)
            : ValueTask.FromResult<RemotingCommand?>(response);
    }

    // Woken, the pull is looked at from the start: group, topic and subscription may have changed meanwhile.
    private async ValueTask<RemotingCommand?> AnswerLaterAsync(
        PullHold waiting,
        ClientPeer peer,
        RemotingCommand request,
        PullRequest pull,
        MessageFilter filter)
    {
        var held = new HeldPull(peer, pull.Queue, pull.Offset, filter, options.TimeProvider.GetTimestamp(), pull.SuspendTimeout);
        if (!await waiting.HoldAsync(held).ConfigureAwait(false))
        {
            return null;
        }

        return Refuse(peer, request, pull, out var group, out var topic)
            ?? Answer(request, pull, group!, topic!, out _, first: false);
    }

    private RemotingCommand? Refuse(
        ClientPeer peer,
        RemotingCommand request,
        PullRequest pull,
        out GroupConfig? group,
        out TopicConfig? topic)
    {
        topic = null;
        group = groups.Find(pull.Group);
        if (group is null)
        {
            return RemotingCommand.Response(
                request, ResponseCodes.SubscriptionGroupNotExist, $"subscription group [{pull.Group}] does not exist, {Faq}");
        }

        if (!group.ConsumeEnable)
        {
            return RemotingCommand.Response(request, ResponseCodes.NoPermission, $"subscription group no permission, {pull.Group}");
        }

        topic = topics.Find(pull.Queue.Topic);
        if (topic is null)
        {
            return RemotingCommand.Response(
                request, ResponseCodes.TopicNotExist, $"topic[{pull.Queue.Topic}] not exist, apply first please! {Faq}");
        }

        if (!topic.IsReadable)
        {
            return RemotingCommand.Response(
                request, ResponseCodes.NoPermission, $"the topic[{pull.Queue.Topic}] pulling message is forbidden");
        }

        if (pull.Queue.QueueId < 0 || pull.Queue.QueueId >= topic.ReadQueues)
        {
            return RemotingCommand.Response(
                request,
                ResponseCodes.InvalidParameter,
                $"queueId[{pull.Queue.QueueId}] is illegal, topic:[{pull.Queue.Topic}] "
                    + $"topicConfig.readQueueNums:[{topic.ReadQueues}] consumer:[/{peer.Address}]");
        }

        return null;
    }

    private RemotingCommand Answer(
        RemotingCommand request,
        PullRequest pull,
        GroupConfig group,
        TopicConfig topic,
        out MessageFilter? filter,
        bool first)
    {
        filter = FilterOf(request, pull, group, out var refusal);
        if (filter is null)
        {
            return refusal!;
        }

        var queue = new GroupQueue(pull.Group, pull.Queue.Topic, pull.Queue.QueueId);
        var found = offsets.TakeReset(queue) is { } reset
            ? new GetResult(GetStatus.OffsetReset, reset, store.MinOffset(pull.Queue), store.MaxOffset(pull.Queue))
            : store.Get(pull.Queue, pull.Offset, pull.MaxMessages, pull.MaxBytes, filter);

        // A request that was held commits nothing when it wakes: the consumer may have gone on by then.
        if (first && (pull.Flags & PullSysFlag.CommitOffset) != 0)
        {
            offsets.Commit(queue, pull.CommitOffset);
        }

        // What lies further back than memory reaches is better read from a slave's disk.
        var isSlow = found.Behind > _slowBytes;
        var parts = found.Parts.Count > 0 ? found.Parts : null;
        return RemotingCommand.Response(request, CodeOf(found.Status, pull, isSlow), found.Remark, bodyParts: parts)
            .Set("suggestWhichBrokerId", SuggestedBroker(group, isSlow))
            .Set("groupSysFlag", group.GroupSysFlag)
            .Set("nextBeginOffset", NextOffset(found, pull))
            .Set("maxOffset", found.MaxOffset)
            .Set("minOffset", found.MinOffset)
            .Set("topicSysFlag", topic.SysFlag);
    }

    private MessageFilter? FilterOf(RemotingCommand request, PullRequest pull, GroupConfig group, out RemotingCommand? refusal)
    {
        if (!TryFindSubscription(request, pull, group, out var subscription, out refusal))
        {
            return null;
        }

        if (!subscription!.IsTag && !options.EnablePropertyFilter)
        {
            refusal = RemotingCommand.Response(
                request,
                ResponseCodes.SystemError,
                $"The broker does not support consumer to filter message by {subscription.Data.ExpressionType}");
            return null;
        }

        return subscription.Filter;
    }

    private bool TryFindSubscription(
        RemotingCommand request,
        PullRequest pull,
        GroupConfig group,
        out Subscription? subscription,
        out RemotingCommand? refusal)
    {
        subscription = null;
        refusal = null;
        if ((pull.Flags & PullSysFlag.Subscription) != 0)
        {
            try
            {
                subscription = Subscription.Parse(pull.Queue.Topic, pull.Expression, pull.ExpressionType, pull.SubVersion);
                return true;
            }
            catch (RocketMQException)
            {
                refusal = RemotingCommand.Response(
                    request, ResponseCodes.SubscriptionParseFailed, "parse the consumer's subscription failed");
                return false;
            }
        }

        if (!consumers.TryFind(pull.Group, pull.Queue.Topic, out subscription, out var messageModel))
        {
            refusal = RemotingCommand.Response(request, ResponseCodes.SubscriptionNotExist, $"the consumer's group info not exist{Faq}");
        }
        else if (!group.ConsumeBroadcastEnable && messageModel == ConsumerDataValues.Broadcasting)
        {
            refusal = RemotingCommand.Response(
                request, ResponseCodes.NoPermission, $"the consumer group[{pull.Group}] can not consume by broadcast way");
        }
        else if (subscription is null)
        {
            refusal = RemotingCommand.Response(request, ResponseCodes.SubscriptionNotExist, $"the consumer's subscription not exist{Faq}");
        }
        else if (subscription.Data.SubVersion < pull.SubVersion)
        {
            refusal = RemotingCommand.Response(request, ResponseCodes.SubscriptionNotLatest, "the consumer's subscription not latest");
        }
        else if (subscription.Filter is null)
        {
            refusal = RemotingCommand.Response(
                request, ResponseCodes.FilterDataNotExist, "The broker's consumer filter data is not exist!Your expression may be wrong!");
        }

        return refusal is null;
    }

    private long SuggestedBroker(GroupConfig group, bool isSlow)
        => !options.SlaveReadEnable || (IsSlave && !isSlow) ? BrokerData.MasterId
            : isSlow ? group.WhichBrokerWhenConsumeSlowly
            : group.BrokerId;

    // A slave may not have everything yet, so it corrects nobody's offset.
    private long NextOffset(GetResult found, PullRequest pull)
        => IsSlave
            && found.Status is GetStatus.NoMessageInQueue or GetStatus.OffsetTooSmall
                or GetStatus.OffsetOverflowOne or GetStatus.OffsetOverflowBadly
            ? pull.Offset
            : found.NextOffset;

    private int CodeOf(GetStatus status, PullRequest pull, bool isSlow) => status switch
    {
        GetStatus.Found => ResponseCodes.Success,

        // Nothing is waited for here: the master, which has everything, is to be asked.
        _ when IsSlave && !isSlow => ResponseCodes.PullRetryImmediately,
        GetStatus.NoMatchedMessage or GetStatus.MessageWasRemoving => ResponseCodes.PullRetryImmediately,
        GetStatus.OffsetOverflowOne => ResponseCodes.PullNotFound,
        GetStatus.NoMessageInQueue when pull.Offset == 0 => ResponseCodes.PullNotFound,
        _ => ResponseCodes.PullOffsetMoved,
    };
}

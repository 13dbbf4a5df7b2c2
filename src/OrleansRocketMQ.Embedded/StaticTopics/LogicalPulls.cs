using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.StaticTopics;

/// <summary>
/// Pulls of logical queues. What a pull commits by the way is left as it is, as RocketMQ does: a logical offset that is taken for one
/// of the queue behind. Mirrors parts of <c>PullMessageProcessor</c>.
/// </summary>
internal static class LogicalPulls
{
    public static async ValueTask<RemotingCommand?> HandleAsync(LogicalQueue queue, QueueAnswers answers, RemotingCommand request)
    {
        var item = queue.At(request.GetInt64("queueOffset"));
        var asked = item.ToPhysical(request.GetInt64("queueOffset"));
        request.Set("queueOffset", asked);
        if (item.HasEnd())
        {
            request.Set("maxMsgNums", Math.Min(item.EndOffset - item.StartOffset, request.GetInt32("maxMsgNums")));
        }

        // Nothing comes to a piece that is not written to any more, and another broker commits nothing.
        var without = (item.Gen == queue.Leader.Gen ? PullSysFlag.None : PullSysFlag.Suspend)
            | (queue.IsHere(item) ? PullSysFlag.None : PullSysFlag.CommitOffset);
        request.Set("sysFlag", (int)((PullSysFlag)request.GetInt32("sysFlag") & ~without));

        var answer = await answers.AskAsync(queue, item, request);
        return answer?["nextBeginOffset"] is null ? answer : PutRight(queue, item, asked, request, answer);
    }

    private static RemotingCommand PutRight(
        LogicalQueue queue, MappingItem item, long asked, RemotingCommand request, RemotingCommand answer)
    {
        var place = new Place(
            item, answer.Code, answer.GetInt64("nextBeginOffset"), answer.GetInt64("minOffset"), answer.GetInt64("maxOffset"));
        if (answer.Code != ResponseCodes.Success)
        {
            place = WithoutMessages(queue, asked, place);
        }

        var next = place.Item.HasEnd() ? Math.Min(place.Next, place.Item.EndOffset) : place.Next;
        var right = place.Code == answer.Code
            ? answer
            : RemotingCommand.Response(request, place.Code, answer.Remark).Set("suggestWhichBrokerId", answer["suggestWhichBrokerId"]);
        return right
            .Set("nextBeginOffset", place.Item.ToLogical(next))
            .Set("minOffset", place.Item.ToLogical(Math.Max(place.Item.StartOffset, place.Min)))
            .Set("maxOffset", Math.Max(place.Item.ToLogical(place.Max), queue.Leader.LogicalEnd()))
            .Set("offsetDelta", place.Item.Delta());
    }

    /// <summary>Where a pull that brought nothing goes on: at the end of a piece with the next one.</summary>
    private static Place WithoutMessages(LogicalQueue queue, long asked, Place place)
    {
        var isLeader = place.Item.Gen == queue.Leader.Gen;
        var isEarliest = place.Item.Gen == queue.At(0).Gen;
        if (isLeader)
        {
            place = asked > place.Max ? place.Code == ResponseCodes.PullOffsetMoved ? place with { Next = place.Max } : place
                : asked < place.Min ? place with { Next = place.Min, Code = ResponseCodes.PullRetryImmediately }
                : place;
        }

        if (isLeader && !isEarliest)
        {
            return place;
        }

        if (asked < place.Min)
        {
            return place with
            {
                Next = place.Min,
                Code = isEarliest ? ResponseCodes.PullOffsetMoved : ResponseCodes.PullRetryImmediately,
            };
        }

        if (asked < place.Max)
        {
            return place;
        }

        return queue.After(place.Item) is { } next
            ? new(next, ResponseCodes.PullRetryImmediately, next.StartOffset, next.StartOffset, next.StartOffset)
            : place with { Code = ResponseCodes.PullNotFound };
    }

    /// <summary>Where a pull is, in offsets of the queue behind, and what is answered.</summary>
    private readonly record struct Place(MappingItem Item, int Code, long Next, long Min, long Max);
}

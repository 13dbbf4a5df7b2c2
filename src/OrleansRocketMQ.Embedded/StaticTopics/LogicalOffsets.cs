using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.StaticTopics;

/// <summary>Offsets of logical queues. Mirrors parts of <c>ConsumerManageProcessor</c> and <c>AdminBrokerProcessor</c>.</summary>
internal static class LogicalOffsets
{
    /// <summary>What is committed: with the newest piece, else with the one before.</summary>
    public static async ValueTask<RemotingCommand?> QueryAsync(LogicalQueue queue, QueueAnswers answers, RemotingCommand request)
    {
        if (queue.Items is [{ LogicOffset: 0 } only])
        {
            return await answers.AskAsync(queue, only, request);
        }

        request.Set("setZeroIfNotFound", false);
        foreach (var item in queue.Items.Reverse())
        {
            var answer = await answers.AskAsync(queue, item, request);
            if (answer?.Code != ResponseCodes.QueryNotFound)
            {
                return ToLogical(item, answer);
            }
        }

        return RemotingCommand.Response(request, ResponseCodes.QueryNotFound, "Not found, maybe this group consumer boot first");
    }

    /// <summary>Commits with the piece that has the offset.</summary>
    public static ValueTask<RemotingCommand?> UpdateAsync(LogicalQueue queue, QueueAnswers answers, RemotingCommand request)
    {
        var offset = request.GetInt64("commitOffset");
        var item = queue.At(offset);
        return answers.AskAsync(queue, item, request.Set("commitOffset", item.ToPhysical(offset)));
    }

    public static async ValueTask<RemotingCommand?> MaxAsync(LogicalQueue queue, QueueAnswers answers, RemotingCommand request)
    {
        var item = queue.At(long.MaxValue);
        return ToLogical(item, await answers.AskAsync(queue, item, request));
    }

    public static async ValueTask<RemotingCommand?> MinAsync(LogicalQueue queue, QueueAnswers answers, RemotingCommand request)
    {
        var item = queue.At(0);
        var answer = await answers.AskAsync(queue, item, request);
        return answer?["offset"] is null ? answer : answer.Set("offset", item.ToLogicalWithin(answer.GetInt64("offset")));
    }

    public static ValueTask<RemotingCommand?> EarliestAsync(LogicalQueue queue, QueueAnswers answers, RemotingCommand request)
        => answers.AskAsync(queue, queue.At(0), request);

    /// <summary>
    /// As RocketMQ searches, with its faults: what a piece elsewhere says is overruled by any later one, and a piece here that begins
    /// after the time says 0, the beginning of everything.
    /// </summary>
    public static async ValueTask<RemotingCommand?> SearchAsync(LogicalQueue queue, QueueAnswers answers, RemotingCommand request)
    {
        var found = -1L;
        foreach (var item in queue.Items.Where(item => item.LogicOffset >= 0))
        {
            var answer = await answers.AskAsync(queue, item, request);
            if (answer?["offset"] is null)
            {
                return answer;
            }

            var offset = answer.GetInt64("offset");
            if (queue.IsHere(item))
            {
                found = offset > 0 ? item.ToLogical(offset) : offset;
                if (offset > 0)
                {
                    break;
                }
            }
            else if (offset >= 0 && (!item.HasEnd() || offset < item.EndOffset))
            {
                found = item.ToLogical(offset);
            }
        }

        return RemotingCommand.Response(request, ResponseCodes.Success).Set("offset", found);
    }

    private static RemotingCommand? ToLogical(MappingItem item, RemotingCommand? answer)
        => answer?["offset"] is null ? answer : answer.Set("offset", item.ToLogical(answer.GetInt64("offset")));
}

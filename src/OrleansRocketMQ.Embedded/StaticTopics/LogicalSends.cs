using OrleansRocketMQ.Framing;

namespace OrleansRocketMQ.Embedded.StaticTopics;

/// <summary>Sends to logical queues. Mirrors parts of <c>SendMessageProcessor</c>.</summary>
internal static class LogicalSends
{
    /// <summary>Stores a message in the queue behind, and tells where it is in the logical one; -1 while that is not decided.</summary>
    public static async ValueTask<RemotingCommand?> HandleAsync(LogicalQueue queue, QueueAnswers answers, RemotingCommand request)
    {
        var answer = await answers.AskAsync(queue, queue.Leader, request);
        return answer?["queueOffset"] is null
            ? answer
            : answer.Set("queueId", queue.Id).Set("queueOffset", queue.Leader.ToLogicalWithin(answer.GetInt64("queueOffset")));
    }
}

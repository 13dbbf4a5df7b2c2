using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.StaticTopics;

/// <summary>Answers a request for a logical queue that this broker leads, with what answers the same request for its own queues.</summary>
internal delegate ValueTask<RemotingCommand?> LogicalHandler(LogicalQueue queue, QueueAnswers answers, RemotingCommand request);

/// <summary>
/// Stands before whoever answers requests for queues: one for a logical queue becomes one for the broker's queue behind it, here or at
/// another broker, and the answer is put right. Mirrors <c>rewriteRequestForStaticTopic</c> and <c>rewriteResponseForStaticTopic</c>
/// of the processors.
/// </summary>
internal sealed class LogicalRequests(MappingTable mappings, Forward forward)
{
    public void AddTo(RequestTable table)
    {
        foreach (var code in (int[])[RequestCodes.SendMessageV2, RequestCodes.SendBatchMessage])
        {
            Stand(table, code, LogicalSends.HandleAsync, "b", "e", mayChoose: true);
        }

        Stand(table, RequestCodes.SendMessage, LogicalSends.HandleAsync, mayChoose: true);
        Stand(table, RequestCodes.PullMessage, PullAsync);
        Stand(table, RequestCodes.LitePullMessage, PullAsync);
        Stand(table, RequestCodes.QueryConsumerOffset, LogicalOffsets.QueryAsync);
        Stand(table, RequestCodes.UpdateConsumerOffset, LogicalOffsets.UpdateAsync);
        Stand(table, RequestCodes.GetMaxOffset, LogicalOffsets.MaxAsync);
        Stand(table, RequestCodes.GetMinOffset, LogicalOffsets.MinAsync);
        Stand(table, RequestCodes.SearchOffsetByTimestamp, LogicalOffsets.SearchAsync);
        Stand(table, RequestCodes.GetEarliestMessageStoreTime, LogicalOffsets.EarliestAsync);
    }

    private void Stand(
        RequestTable table,
        int code,
        LogicalHandler handler,
        string topicField = "topic",
        string queueField = "queueId",
        bool mayChoose = false)
        => table.Wrap(code, inner => (peer, request) =>
        {
            // What another broker has translated says so.
            if (request["lo"] is not null && !request.GetBoolean("lo") || mappings.Find(request.GetRequired(topicField)) is not { } mapping)
            {
                return inner(peer, request);
            }

            var id = request.GetInt32(queueField);
            var queue = new LogicalQueue(mapping, id < 0 && mayChoose ? mapping.HostedQueues.Keys.FirstOrDefault(-1) : id);
            return queue.IsLedHere
                ? handler(queue, new(peer, inner, forward, queueField), request)
                : ValueTask.FromResult<RemotingCommand?>(NotLeader(request, queue));
        });

    // One that was held finds the queue moved away when it ends, as it is looked at anew.
    private async ValueTask<RemotingCommand?> PullAsync(LogicalQueue queue, QueueAnswers answers, RemotingCommand request)
    {
        var answer = await LogicalPulls.HandleAsync(queue, answers, request);
        return answer is null || mappings.Find(queue.Mapping.Topic) is { } mapping && new LogicalQueue(mapping, queue.Id).IsLedHere
            ? answer
            : NotLeader(request, queue);
    }

    private static RemotingCommand NotLeader(RemotingCommand request, LogicalQueue queue) => RemotingCommand.Response(
        request,
        ResponseCodes.NotLeaderForQueue,
        $"{queue.Mapping.Topic}-{queue.Id} does not exit in request process of current broker {queue.Mapping.Bname}");
}

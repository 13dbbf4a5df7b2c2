using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.StaticTopics;

/// <summary>Asks another broker; null when it is not there.</summary>
internal delegate ValueTask<RemotingCommand?> Forward(string brokerName, ClientPeer peer, RemotingCommand request);

/// <summary>Who answers a request for the queues behind a logical one.</summary>
/// <param name="Peer">Who asks.</param>
/// <param name="Here">Answers for this broker's queues.</param>
/// <param name="Elsewhere">Asks another broker.</param>
/// <param name="QueueField">The field that names the queue.</param>
internal sealed record QueueAnswers(ClientPeer Peer, RequestHandler Here, Forward Elsewhere, string QueueField)
{
    /// <summary>Has a request answered for a piece of a logical queue, by the broker that has it.</summary>
    public async ValueTask<RemotingCommand?> AskAsync(LogicalQueue queue, MappingItem item, RemotingCommand request)
    {
        request.Set(QueueField, item.QueueId);
        if (queue.IsHere(item))
        {
            return await Here(Peer, request);
        }

        request.Set("lo", false).Set("bname", item.Bname);
        return await Elsewhere(item.Bname, Peer, request) ?? RemotingCommand.Response(
            request, ResponseCodes.SystemError, $"org.apache.rocketmq.remoting.rpc.RpcException: No address for {item.Bname}");
    }
}

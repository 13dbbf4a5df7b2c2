using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.StaticTopics;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Admin;

/// <summary>Makes static topics and moves their queues. Mirrors <c>AdminBrokerProcessor.updateAndCreateStaticTopic</c>.</summary>
internal sealed class StaticTopicProcessor(TopicProcessor topics, MappingTable mappings)
{
    public void AddTo(RequestTable table) => table.Add(RequestCodes.UpdateAndCreateStaticTopic, (_, request) => Set(request));

    private RemotingCommand Set(RemotingCommand request)
    {
        var made = topics.Set(request);
        if (made.Code != ResponseCodes.Success)
        {
            return made;
        }

        var mapping = TolerantJson.Read(request.Body.Span, MappingJson.Default.QueueMapping);
        return mappings.Update(mapping, request.GetBoolean("force")) is { } complaint
            ? RemotingCommand.Response(request, ResponseCodes.SystemError, complaint)
            : made;
    }
}

using System.Text;
using System.Text.Json;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.StaticTopics;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Naming;

/// <summary>Answers what clients ask a name server. Mirrors <c>ClientRequestProcessor</c> and <c>DefaultRequestProcessor</c>.</summary>
/// <param name="routes">The brokers.</param>
/// <param name="actingMasters">Whether a slave stands in for a master that is away (<c>supportActingMaster</c>).</param>
internal sealed class NameServerProcessor(RouteTable routes, bool actingMasters)
{
    private const string Faq = "See https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.";

    public void AddTo(RequestTable table)
    {
        table.Add(RequestCodes.GetRouteInfoByTopic, (_, request) => GetRoute(request));
        table.Add(RequestCodes.GetBrokerClusterInfo, (_, request) => GetClusterInfo(request));
        table.Add(RequestCodes.GetAllTopicListFromNameServer, (_, request) => GetTopics(request));
    }

    private RemotingCommand GetRoute(RemotingCommand request)
    {
        var topic = request.GetRequired("topic");
        var found = (from set in routes.Sets
                     let config = set[0].FindTopic(topic)
                     where config is not null
                     select (set, IsActing(set) ? config with { Perm = config.Perm & ~TopicConfig.Write } : config)).ToArray();
        if (found.Length == 0)
        {
            return RemotingCommand.Response(
                request, ResponseCodes.TopicNotExist, $"No topic route info in name server for the topic: {topic}\n{Faq}");
        }

        var standardJson = request.Version >= ProtocolVersion.StandardJsonRoutes || request.GetBoolean("acceptStandardJsonOnly");
        return RemotingCommand.Response(
            request, ResponseCodes.Success, body: Encoding.UTF8.GetBytes(RouteJson(topic, found, standardJson)));
    }

    private RemotingCommand GetClusterInfo(RemotingCommand request)
    {
        var sets = routes.Sets;
        var addresses = sets.Select(set => $"{Quote(set[0].Name)}:{SetJson(set, standardJson: false)}");
        var clusters = sets
            .Select(set => set[0])
            .GroupBy(broker => broker.ClusterName, StringComparer.Ordinal)
            .Select(cluster => $"{Quote(cluster.Key)}:[{string.Join(',', cluster.Select(broker => Quote(broker.Name)))}]");
        var json = $"{{\"brokerAddrTable\":{{{string.Join(',', addresses)}}},\"clusterAddrTable\":{{{string.Join(',', clusters)}}}}}";
        return RemotingCommand.Response(request, ResponseCodes.Success, body: Encoding.UTF8.GetBytes(json));
    }

    private RemotingCommand GetTopics(RemotingCommand request)
    {
        var topics = routes.Sets.SelectMany(set => set[0].Topics).Select(topic => topic.Name).Distinct(StringComparer.Ordinal);
        var json = $"{{\"topicList\":[{string.Join(',', topics.Select(Quote))}]}}";
        return RemotingCommand.Response(request, ResponseCodes.Success, body: Encoding.UTF8.GetBytes(json));
    }

    private string RouteJson(string topic, (IReadOnlyList<IRegisteredBroker> Set, TopicConfig Topic)[] found, bool standardJson)
    {
        var brokers = found.Select(pair => SetJson(pair.Set, standardJson));
        var queues = found.Select(pair =>
            $"{{\"brokerName\":{Quote(pair.Set[0].Name)},\"perm\":{pair.Topic.Perm},"
            + $"\"readQueueNums\":{pair.Topic.ReadQueues},\"topicSysFlag\":{pair.Topic.SysFlag},"
            + $"\"writeQueueNums\":{pair.Topic.WriteQueues}}}");
        var mappings = routes.MappingsOf(topic)
            .Select(pair => $"{Quote(pair.Key)}:{JsonSerializer.Serialize(pair.Value, MappingJson.Default.TopicQueueMapping)}")
            .ToArray();
        var logical = mappings.Length == 0 ? string.Empty : $",\"topicQueueMappingByBroker\":{{{string.Join(',', mappings)}}}";
        return $"{{\"brokerDatas\":[{string.Join(',', brokers)}],\"filterServerTable\":{{}},"
            + $"\"queueDatas\":[{string.Join(',', queues)}]{logical}}}";
    }

    // Old clients get the broker ids as fastjson writes numbers that are keys: bare.
    // One that acts as master stands where the master would, which only takes what is read.
    private string SetJson(IReadOnlyList<IRegisteredBroker> set, bool standardJson)
    {
        var addresses = set
            .Select(broker => (Id: IsActing(set) && broker == set[0] ? BrokerData.MasterId : broker.BrokerId, broker.Address))
            .Select(member => $"{(standardJson ? $"\"{member.Id}\"" : member.Id)}:{Quote(member.Address)}");
        return $"{{\"brokerAddrs\":{{{string.Join(',', addresses)}}},\"brokerName\":{Quote(set[0].Name)},"
            + $"\"cluster\":{Quote(set[0].ClusterName)},\"enableActingMaster\":{(actingMasters ? "true" : "false")}}}";
    }

    private bool IsActing(IReadOnlyList<IRegisteredBroker> set) => actingMasters && set[0].BrokerId != BrokerData.MasterId;

    // Names are validated to hold nothing that JSON would have escaped.
    private static string Quote(string name) => $"\"{name}\"";
}

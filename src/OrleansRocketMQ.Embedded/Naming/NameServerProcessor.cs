using System.Text;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Topics;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Naming;

/// <summary>Answers what clients ask a name server. Mirrors <c>ClientRequestProcessor</c> and <c>DefaultRequestProcessor</c>.</summary>
internal sealed class NameServerProcessor(RouteTable routes)
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
        var found = (from broker in routes.Brokers
                     let config = broker.FindTopic(topic)
                     where config is not null
                     select (broker, config)).ToArray();
        if (found.Length == 0)
        {
            return RemotingCommand.Response(
                request, ResponseCodes.TopicNotExist, $"No topic route info in name server for the topic: {topic}\n{Faq}");
        }

        var standardJson = request.Version >= ProtocolVersion.StandardJsonRoutes || request.GetBoolean("acceptStandardJsonOnly");
        return RemotingCommand.Response(request, ResponseCodes.Success, body: Encoding.UTF8.GetBytes(RouteJson(found, standardJson)));
    }

    private RemotingCommand GetClusterInfo(RemotingCommand request)
    {
        var brokers = routes.Brokers;
        var addresses = brokers.Select(broker => $"{Quote(broker.Name)}:{BrokerJson(broker, standardJson: false)}");
        var clusters = brokers
            .GroupBy(broker => broker.ClusterName, StringComparer.Ordinal)
            .Select(cluster => $"{Quote(cluster.Key)}:[{string.Join(',', cluster.Select(broker => Quote(broker.Name)))}]");
        var json = $"{{\"brokerAddrTable\":{{{string.Join(',', addresses)}}},\"clusterAddrTable\":{{{string.Join(',', clusters)}}}}}";
        return RemotingCommand.Response(request, ResponseCodes.Success, body: Encoding.UTF8.GetBytes(json));
    }

    private RemotingCommand GetTopics(RemotingCommand request)
    {
        var topics = routes.Brokers.SelectMany(broker => broker.Topics).Select(topic => topic.Name).Distinct(StringComparer.Ordinal);
        var json = $"{{\"topicList\":[{string.Join(',', topics.Select(Quote))}]}}";
        return RemotingCommand.Response(request, ResponseCodes.Success, body: Encoding.UTF8.GetBytes(json));
    }

    private static string RouteJson((IRegisteredBroker Broker, TopicConfig Topic)[] found, bool standardJson)
    {
        var brokers = found.Select(pair => BrokerJson(pair.Broker, standardJson));
        var queues = found.Select(pair =>
            $"{{\"brokerName\":{Quote(pair.Broker.Name)},\"perm\":{pair.Topic.Perm},\"readQueueNums\":{pair.Topic.ReadQueues},\"topicSysFlag\":{pair.Topic.SysFlag},\"writeQueueNums\":{pair.Topic.WriteQueues}}}");
        return $"{{\"brokerDatas\":[{string.Join(',', brokers)}],\"filterServerTable\":{{}},\"queueDatas\":[{string.Join(',', queues)}]}}";
    }

    // Old clients get the broker id as fastjson writes numbers that are keys: bare.
    private static string BrokerJson(IRegisteredBroker broker, bool standardJson)
        => $"{{\"brokerAddrs\":{{{(standardJson ? "\"0\"" : "0")}:{Quote(broker.Address)}}},\"brokerName\":{Quote(broker.Name)},\"cluster\":{Quote(broker.ClusterName)},\"enableActingMaster\":false}}";

    // Names are validated to hold nothing that JSON would have escaped.
    private static string Quote(string name) => $"\"{name}\"";
}

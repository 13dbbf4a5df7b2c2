using System.Text.Json;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Wire;

public class RecordedBodyTests
{
    [Fact]
    public void Recorded_heartbeats_read_into_our_type_and_are_written_as_Java_wrote_them()
    {
        var consumers = 0;
        foreach (var frame in RecordedFrames.Requests(RequestCodes.HeartBeat))
        {
            var body = frame.Decode().Body;
            var heartbeat = TolerantJson.Read(body.Span, ProtocolJson.Default.HeartbeatData);
            consumers += heartbeat.ConsumerDataSet.Count;
            AssertSameJson(frame, body, JsonSerializer.SerializeToUtf8Bytes(heartbeat, ProtocolJson.Default.HeartbeatData));
        }

        Assert.True(consumers > 10);
    }

    [Fact]
    public void A_heartbeat_built_from_the_same_subscription_equals_the_recorded_one()
    {
        var tested = 0;
        foreach (var frame in RecordedFrames.Requests(RequestCodes.HeartBeat))
        {
            var body = frame.Decode().Body;
            var recorded = TolerantJson.Read(body.Span, ProtocolJson.Default.HeartbeatData);
            if (recorded.WithoutSub || recorded.ConsumerDataSet.Count == 0)
            {
                continue;
            }

            tested++;
            var ours = new HeartbeatData
            {
                ClientId = recorded.ClientId,
                HeartbeatFingerprint = recorded.HeartbeatFingerprint,
                ProducerDataSet = recorded.ProducerDataSet,
                ConsumerDataSet = [.. recorded.ConsumerDataSet.Select(consumer => new ConsumerData
                {
                    GroupName = consumer.GroupName,
                    MessageModel = consumer.MessageModel,
                    ConsumeType = consumer.ConsumeType,
                    ConsumeFromWhere = consumer.ConsumeFromWhere,
                    SubscriptionDataSet = [.. consumer.SubscriptionDataSet.Select(data => SubscriptionData.From(
                        data.Topic,
                        data.ExpressionType == SubscriptionData.Sql92Type ? MessageSelector.BySql(data.SubString) : MessageSelector.ByTag(data.SubString),
                        data.SubVersion))],
                })],
            };
            AssertSameJson(frame, body, JsonSerializer.SerializeToUtf8Bytes(ours, ProtocolJson.Default.HeartbeatData));
        }

        Assert.True(tested > 10);
    }

    [Fact]
    public void Recorded_lock_requests_and_answers_read_into_our_types_and_are_written_as_recorded()
    {
        foreach (var frame in RecordedFrames.Requests(RequestCodes.LockBatchMessageQueue).Concat(RecordedFrames.Requests(RequestCodes.UnlockBatchMessageQueue)))
        {
            var body = frame.Decode().Body;
            AssertSameJson(frame, body, JsonSerializer.SerializeToUtf8Bytes(TolerantJson.Read(body.Span, ProtocolJson.Default.LockBatchRequest), ProtocolJson.Default.LockBatchRequest));
        }

        foreach (var frame in RecordedFrames.Responses(RequestCodes.LockBatchMessageQueue))
        {
            var body = frame.Decode().Body;
            var locked = TolerantJson.Read(body.Span, ProtocolJson.Default.LockBatchResponse);
            Assert.All(locked.LockOKMQSet, queue => Assert.Equal("broker-a", queue.ToQueue().BrokerName));
            AssertSameJson(frame, body, JsonSerializer.SerializeToUtf8Bytes(locked, ProtocolJson.Default.LockBatchResponse));
        }
    }

    [Fact]
    public void Recorded_consumer_lists_read_into_our_type()
    {
        var members = RecordedFrames.Responses(RequestCodes.GetConsumerListByGroup)
            .Where(frame => frame.BodyLength > 0)
            .Select(frame => TolerantJson.Read(frame.Decode().Body.Span, ProtocolJson.Default.ConsumerIdList).ConsumerIds.Count)
            .ToList();
        Assert.NotEmpty(members);
        Assert.All(members, count => Assert.InRange(count, 1, 2));
    }

    [Fact]
    public void Recorded_routes_read_into_our_type_and_are_written_as_recorded()
    {
        var tested = 0;
        foreach (var frame in RecordedFrames.Responses(RequestCodes.GetRouteInfoByTopic).Where(frame => frame.BodyLength > 0))
        {
            tested++;
            var body = frame.Decode().Body;
            var route = TolerantJson.Read(body.Span, ProtocolJson.Default.TopicRouteData);
            var broker = Assert.Single(route.BrokerDatas);
            Assert.Equal(("broker-a", "DefaultCluster", "127.0.0.1:10911"), (broker.BrokerName, broker.Cluster, broker.BrokerAddrs[0]));
            Assert.All(route.QueueDatas, queues => Assert.Equal("broker-a", queues.BrokerName));
            AssertSameJson(frame, TolerantJson.Normalize(body.Span).ToArray(), JsonSerializer.SerializeToUtf8Bytes(route, ProtocolJson.Default.TopicRouteData));
        }

        Assert.True(tested > 20);
    }

    [Fact]
    public void The_recorded_cluster_with_bare_broker_ids_reads_into_our_type()
    {
        foreach (var frame in RecordedFrames.Responses(RequestCodes.GetBrokerClusterInfo))
        {
            var cluster = TolerantJson.Read(frame.Decode().Body.Span, ProtocolJson.Default.ClusterInfo);
            Assert.Equal("127.0.0.1:10911", cluster.BrokerAddrTable["broker-a"].BrokerAddrs[BrokerData.MasterId]);
            Assert.Equal(["broker-a"], cluster.ClusterAddrTable["DefaultCluster"]);
        }
    }

    [Fact]
    public void The_recorded_subscription_check_is_written_as_recorded()
    {
        foreach (var frame in RecordedFrames.Requests(RequestCodes.CheckClientConfig))
        {
            var body = frame.Decode().Body;
            AssertSameJson(frame, body, JsonSerializer.SerializeToUtf8Bytes(TolerantJson.Read(body.Span, ProtocolJson.Default.CheckClientRequest), ProtocolJson.Default.CheckClientRequest));
        }
    }

    private static void AssertSameJson(RecordedFrame frame, ReadOnlyMemory<byte> expected, byte[] actual)
    {
        using var expectedJson = JsonDocument.Parse(expected);
        using var actualJson = JsonDocument.Parse(actual);
        Assert.True(
            SameSets(expectedJson.RootElement, actualJson.RootElement),
            $"{frame}\n{expectedJson.RootElement.GetRawText()}\n{actualJson.RootElement.GetRawText()}");
    }

    // Java writes sets, so the order of an array tells nothing.
    private static bool SameSets(JsonElement left, JsonElement right) => (left.ValueKind, right.ValueKind) switch
    {
        (JsonValueKind.Array, JsonValueKind.Array) => left.GetArrayLength() == right.GetArrayLength()
            && left.EnumerateArray().All(item => right.EnumerateArray().Any(other => SameSets(item, other))),
        (JsonValueKind.Object, JsonValueKind.Object) => left.EnumerateObject().Count() == right.EnumerateObject().Count()
            && left.EnumerateObject().All(property => right.TryGetProperty(property.Name, out var other) && SameSets(property.Value, other)),
        _ => JsonElement.DeepEquals(left, right),
    };
}

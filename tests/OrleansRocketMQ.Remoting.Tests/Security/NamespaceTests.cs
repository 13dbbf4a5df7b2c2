using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Security;

public class NamespaceTests
{
    // Those of the recordings, see Fixtures/README.md.
    private const string Version1 = "tenantB";
    private const string Version2 = "tenantA";

    private static readonly ClientNamespace Names = new(Version1);

    [Theory]
    [InlineData("orders", "tenantB%orders")]
    [InlineData("%RETRY%billing", "%RETRY%tenantB%billing")]
    [InlineData("%DLQ%billing", "%DLQ%tenantB%billing")]
    [InlineData("tenantA%orders", "tenantB%tenantA%orders")]
    public void A_name_gets_the_namespace_on_the_wire_and_loses_it_here(string name, string onTheWire)
    {
        Assert.Equal(onTheWire, Names.Wrap(name));
        Assert.Equal(onTheWire, Names.Wrap(onTheWire));
        Assert.Equal(name, Names.Unwrap(onTheWire));
        Assert.Equal(name, ClientNamespace.None.Wrap(name));
        Assert.Equal(onTheWire, ClientNamespace.None.Unwrap(onTheWire));
    }

    [Theory]
    [InlineData("TBW102")]
    [InlineData("SCHEDULE_TOPIC_XXXX")]
    [InlineData("RMQ_SYS_TRACE_TOPIC")]
    [InlineData("rmq_sys_TRACE_DATA_x")]
    [InlineData("CID_RMQ_SYS_TRANS")]
    [InlineData("CLIENT_INNER_PRODUCER")]
    [InlineData("")]
    public void Names_of_the_system_stay_as_they_are(string name) => Assert.Equal(name, Names.Wrap(name));

    [Fact]
    public void A_name_of_another_namespace_stays_whole() => Assert.Equal("tenantC%orders", Names.Unwrap("tenantC%orders"));

    [Fact]
    public void Every_recorded_request_of_version_1_keeps_its_fields_when_its_names_go_off_and_on_again()
    {
        var changed = 0;
        foreach (var java in Recorded("v1").Select(frame => frame.Decode()).Where(request => NamesIn(request).Any(name => name.Contains(Version1, StringComparison.Ordinal))))
        {
            var fields = java.ExtFields.ToDictionary();
            Names.UnwrapFields(java);
            Assert.DoesNotContain(NamesIn(java), name => name.Contains(Version1, StringComparison.Ordinal));
            Names.WrapFields(java);
            Assert.Equal(fields, java.ExtFields.ToDictionary());
            changed++;
        }

        Assert.True(changed > 15, $"only {changed} requests");
    }

    [Fact]
    public void Every_recorded_heartbeat_of_version_1_is_what_plain_names_become()
    {
        var seen = 0;
        foreach (var frame in Recorded("v1").Where(frame => frame.Request == RequestCodes.HeartBeat))
        {
            var java = JsonSerializer.Deserialize(frame.Decode().Body.Span, ProtocolJson.Default.HeartbeatData)!;
            var plain = java with
            {
                ConsumerDataSet = [.. java.ConsumerDataSet.Select(consumer => consumer with
                {
                    GroupName = Names.Unwrap(consumer.GroupName),
                    SubscriptionDataSet = [.. consumer.SubscriptionDataSet.Select(data => data with { Topic = Names.Unwrap(data.Topic) })],
                })],
                ProducerDataSet = [.. java.ProducerDataSet.Select(producer => new ProducerData(Names.Unwrap(producer.GroupName)))],
            };

            Assert.DoesNotContain(Version1, Json(plain), StringComparison.Ordinal);
            // A heartbeat of a client that is not ours has no namespace.
            seen += Json(java) == Json(Names.Wrap(plain)) && Json(java).Contains(Version1, StringComparison.Ordinal) ? 1 : 0;
        }

        Assert.True(seen >= 4, $"only {seen} heartbeats");
    }

    [Fact]
    public async Task What_Java_has_sent_with_version_2_leaves_here_with_the_same_fields()
    {
        await using var peer = ScriptedPeer.Answering(request => RemotingCommand.Response(request, ResponseCodes.Success));
        await using var remoting = new RemotingClient(new RemotingOptions { NamespaceV2 = Version2 }, TimeProvider.System, NullLogger.Instance);
        var frames = Recorded("v2").Where(frame => frame.Kind == "request" && frame.Decode()["ns"] is not null).ToList();
        Assert.True(frames.Count > 15, $"only {frames.Count} requests");

        foreach (var frame in frames)
        {
            var java = frame.Decode();
            var request = RemotingCommand.Request(java.Code, java.Body);
            foreach (var (name, value) in frame.PlainFields)
            {
                request.Set(name, value);
            }

            await remoting.InvokeAsync(peer.Address, request);
        }

        Assert.Equal(
            frames.Select(frame => frame.Decode().ExtFields.OrderBy(field => field.Key, StringComparer.Ordinal)),
            peer.Received.Select(request => request.ExtFields.OrderBy(field => field.Key, StringComparer.Ordinal)));
    }

    [Fact]
    public async Task Bodies_and_answers_carry_the_namespace_too()
    {
        await using var peer = ScriptedPeer.Answering(request => RemotingCommand.Response(
            request,
            ResponseCodes.Success,
            body: Encoding.UTF8.GetBytes("""{"lockOKMQSet":[{"brokerName":"b","queueId":1,"topic":"tenantB%orders"}]}""")));
        await using var remoting = new RemotingClient(new RemotingOptions { Namespace = Version1 }, TimeProvider.System, NullLogger.Instance);
        var brokers = new BrokerClient(remoting);
        var queue = new MessageQueue("orders", "b", 1);

        Assert.Equal([queue], await brokers.LockAsync(peer.Address, "billing", "client", [queue]));
        await brokers.CheckClientConfigAsync(
            peer.Address, new CheckClientRequest { Group = "billing", SubscriptionData = SubscriptionData.From("orders", MessageSelector.All, 1) });

        var bodies = peer.Received.Select(request => Encoding.UTF8.GetString(request.Body.Span)).ToList();
        Assert.Contains("\"consumerGroup\":\"tenantB%billing\"", bodies[0], StringComparison.Ordinal);
        Assert.Contains("\"topic\":\"tenantB%orders\"", bodies[0], StringComparison.Ordinal);
        Assert.Contains("\"group\":\"tenantB%billing\"", bodies[1], StringComparison.Ordinal);
        Assert.Contains("\"topic\":\"tenantB%orders\"", bodies[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_brokers_notice_names_the_group_as_it_is_known_here()
    {
        await using var cluster = new FakeCluster();
        var broker = cluster.AddBroker();
        cluster.SetRoute("tenantB%orders", 1, ("b", 0, broker.Address));
        var options = cluster.ClientOptions();
        await using var client = new RocketMQClient(options with { Remoting = options.Remoting with { Namespace = Version1 } }, new TestLog());
        var told = new TaskCompletionSource<string>();
        client.ConsumerIdsChanged += told.SetResult;
        client.Start();
        client.RegisterConsumer("billing", () => new ConsumerData { GroupName = "billing" }, ["orders"]);
        await Eventually.Holds(() => broker.ReceivedOf(RequestCodes.HeartBeat).Any());

        await broker.Connections.First().SendAsync(
            RemotingCommand.Request(RequestCodes.NotifyConsumerIdsChanged, oneWay: true).Set("consumerGroup", "tenantB%billing"));

        Assert.Equal("billing", await told.Task.InTime());
        Assert.Contains("tenantB%billing", Encoding.UTF8.GetString(broker.ReceivedOf(RequestCodes.HeartBeat).First().Body.Span), StringComparison.Ordinal);
    }

    private static IEnumerable<RecordedFrame> Recorded(string version) => RecordedFrames.All.Where(
        frame => frame.Place.StartsWith($"java-5.3.3-namespace-{version}", StringComparison.Ordinal) && frame.Kind != "response" && frame.From == "client");

    // Field i has the properties of a message, among them the namespace by itself (INSTANCE_ID).
    private static IEnumerable<string> NamesIn(RemotingCommand request) => request.ExtFields.Where(field => field.Key != "i").Select(field => field.Value);

    private static string Json(HeartbeatData heartbeat) => JsonSerializer.Serialize(heartbeat, ProtocolJson.Default.HeartbeatData);
}

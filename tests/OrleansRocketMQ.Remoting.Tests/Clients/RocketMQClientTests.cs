using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Clients;

public sealed class RocketMQClientTests : IAsyncLifetime
{
    private readonly FakeCluster _cluster = new();
    private readonly TestLog _log = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task A_registered_consumer_is_told_to_every_broker_of_its_topics_slaves_included()
    {
        var master = _cluster.AddBroker();
        var slave = _cluster.AddBroker();
        _cluster.SetRoute("T", 2, ("b", 0, master.Address), ("b", 1, slave.Address));
        await using var client = _cluster.NewClient();
        client.Start();
        Register(client, "g", "T");
        await Eventually.Holds(() => Heartbeats(master).Any() && Heartbeats(slave).Any());

        var heartbeat = Heartbeats(slave).First();
        Assert.Equal(client.ClientId, heartbeat.ClientId);
        Assert.Equal("g", Assert.Single(heartbeat.ConsumerDataSet).GroupName);
        Assert.Equal(0, heartbeat.HeartbeatFingerprint);
        await Eventually.Holds(() => client.BrokerVersion(master.Address) == ProtocolVersion.Current);
    }

    [Fact]
    public async Task All_who_want_one_broker_to_be_told_share_one_heartbeat_that_no_other_broker_gets()
    {
        using var isFree = new ManualResetEventSlim(initialState: true);
        var broker = _cluster.AddBroker(_ =>
        {
            isFree.Wait();
            return null;
        });
        var other = _cluster.AddBroker();
        _cluster.SetRoute("T", 2, ("b", 0, broker.Address), ("c", 0, other.Address));
        await using var client = _cluster.NewClient();
        client.Start();
        Register(client, "g", "T");
        await Eventually.Holds(() => client.BrokerVersion(broker.Address) is not null && client.BrokerVersion(other.Address) is not null);
        var (before, ofOther) = (Heartbeats(broker).Count(), Heartbeats(other).Count());

        isFree.Reset();
        var first = client.HeartbeatToAsync(broker.Address, CancellationToken.None);
        await Eventually.Holds(() => Heartbeats(broker).Count() == before + 1);
        var later = Enumerable.Range(0, 10).Select(_ => client.HeartbeatToAsync(broker.Address, CancellationToken.None)).ToArray();
        Assert.DoesNotContain(later, task => task.IsCompleted);
        isFree.Set();
        await Task.WhenAll([first, .. later]).InTime();

        Assert.Equal(before + 2, Heartbeats(broker).Count());
        Assert.Equal(ofOther, Heartbeats(other).Count());
        await client.HeartbeatToAsync("127.0.0.1:1", CancellationToken.None).InTime();
    }

    [Fact]
    public async Task A_producer_alone_is_told_to_masters_only()
    {
        var master = _cluster.AddBroker();
        var slave = _cluster.AddBroker();
        _cluster.SetRoute("T", 2, ("b", 0, master.Address), ("b", 1, slave.Address));
        await using var client = _cluster.NewClient();
        client.Start();
        client.RegisterProducer("p");
        await client.Routes.GetAsync("T").InTime();
        await Eventually.Holds(() => Heartbeats(master).Any());
        Assert.Equal("p", Assert.Single(Heartbeats(master).First().ProducerDataSet).GroupName);
        Assert.Equal([new BrokerAddress("b", 0, master.Address)], await client.HeartbeatAsync().InTime());
        Assert.Empty(slave.Received);
    }

    [Fact]
    public async Task Servers_that_no_route_names_any_more_are_forgotten_however_many_have_come_and_gone()
    {
        await using var client = new RocketMQClient(_cluster.ClientOptions() with { PollNameServerInterval = TimeSpan.FromMilliseconds(50) }, new TestLog());
        client.Start();
        Register(client, "g", "T");
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var round = 0; round < 10; round++)
        {
            var broker = _cluster.AddBroker();
            _cluster.SetRoute("T", 2, ("b", 0, broker.Address));
            await Eventually.Holds(() => Heartbeats(broker).Any());
            seen.UnionWith(client.Remoting.Addresses);
        }

        Assert.Equal(11, seen.Count);
        await Eventually.Holds(() => client.Remoting.Addresses.Count == 2);
        Assert.Equal(new[] { _cluster.NameServer.Address, _cluster.Brokers[^1].Address }.Order(), client.Remoting.Addresses.Order());

        // One that comes back is served as any.
        var first = _cluster.Brokers[0];
        var before = Heartbeats(first).Count();
        _cluster.SetRoute("T", 2, ("b", 0, first.Address));
        await Eventually.Holds(() => Heartbeats(first).Count() > before);
    }

    [Fact]
    public async Task A_server_that_no_route_names_stays_as_long_as_a_request_waits_at_it()
    {
        await using var unnamed = new ScriptedPeer();
        await using var client = new RocketMQClient(_cluster.ClientOptions() with { PollNameServerInterval = TimeSpan.FromMilliseconds(50) }, new TestLog());
        client.Start();
        client.Routes.Watch("T");
        var waiting = client.Remoting.InvokeAsync(unnamed.Address, RemotingCommand.Request(RequestCodes.GetMaxOffset), TimeSpan.FromMinutes(5));
        await Eventually.Holds(() => !unnamed.Received.IsEmpty);
        var refreshed = _cluster.NameServer.Received.Count;
        await Eventually.Holds(() => _cluster.NameServer.Received.Count > refreshed + 2);

        Assert.Contains(unnamed.Address, client.Remoting.Addresses);
        await unnamed.Connections.Single().AnswerAsync(unnamed.Received.Single());
        Assert.Equal(ResponseCodes.Success, (await waiting.InTime()).Code);
        await Eventually.Holds(() => !client.Remoting.Addresses.Contains(unnamed.Address));
    }

    [Fact]
    public async Task A_client_without_groups_sends_no_heartbeats()
    {
        var broker = _cluster.AddBroker();
        _cluster.SetRoute("T", 2, ("b", 0, broker.Address));
        await using var client = _cluster.NewClient();
        client.Start();
        await client.Routes.GetAsync("T").InTime();
        Assert.Empty(await client.HeartbeatAsync().InTime());
        Assert.Empty(broker.Received);
    }

    [Fact]
    public async Task A_changed_consumer_and_a_broker_new_in_a_route_get_a_heartbeat_at_once()
    {
        var first = _cluster.AddBroker();
        var second = _cluster.AddBroker();
        _cluster.SetRoute("T", 2, ("a", 0, first.Address));
        await using var client = _cluster.NewClient();
        client.Start();
        var version = 1L;
        client.RegisterConsumer("g", () => Data("g", Interlocked.Read(ref version)), ["T"]);
        await Eventually.Holds(() => Heartbeats(first).Any(beat => VersionIn(beat) == 1));
        Interlocked.Exchange(ref version, 2);
        client.ConsumerChanged("g");
        await Eventually.Holds(() => Heartbeats(first).Any(beat => VersionIn(beat) == 2));
        Assert.Empty(second.Received);

        _cluster.SetRoute("T", 2, ("a", 0, first.Address), ("b", 0, second.Address));
        await client.Routes.RefreshAsync().InTime();
        await Eventually.Holds(() => Heartbeats(second).Any(beat => VersionIn(beat) == 2));
    }

    [Fact]
    public async Task A_broker_that_was_connected_again_gets_a_heartbeat_at_once()
    {
        var broker = _cluster.AddBroker();
        _cluster.SetRoute("T", 2, ("b", 0, broker.Address));
        await using var client = _cluster.NewClient();
        client.Start();
        Register(client, "g", "T");
        await Eventually.Holds(() => client.BrokerVersion(broker.Address) is not null);
        var before = Heartbeats(broker).Count();
        broker.Connections.Last().Close();
        // Whoever comes next opens it; the heartbeat follows.
        await Eventually.Holds(() => Reconnects(client, broker));
        await Eventually.Holds(() => Heartbeats(broker).Count() > before);
    }

    [Fact]
    public async Task Heartbeats_and_routes_go_on_at_their_intervals()
    {
        var time = new FakeTimeProvider();
        var broker = _cluster.AddBroker();
        _cluster.SetRoute("T", 2, ("b", 0, broker.Address));
        await using var client = _cluster.NewClient(time: time);
        client.Start();
        Register(client, "g", "T");
        await Eventually.Holds(() => client.BrokerVersion(broker.Address) is not null);
        for (var round = 0; round < 3; round++)
        {
            var beats = Heartbeats(broker).Count();
            var asked = _cluster.NameServer.Received.Count;
            await Eventually.Holds(() =>
            {
                time.Advance(TimeSpan.FromSeconds(5));
                return Heartbeats(broker).Count() > beats && _cluster.NameServer.Received.Count > asked;
            });
        }
    }

    [Fact]
    public async Task An_unreachable_broker_is_logged_once_and_found_again()
    {
        var port = ScriptedPeer.FreePort();
        _cluster.SetRoute("T", 2, ("b", 0, $"127.0.0.1:{port}"));
        await using var client = _cluster.NewClient(_log);
        client.Start();
        Register(client, "g", "T");
        await Eventually.Holds(() => _log.Count(LogLevel.Warning) == 1);
        Assert.Empty(await client.HeartbeatAsync().InTime());
        Assert.Empty(await client.HeartbeatAsync().InTime());
        Assert.Equal(1, _log.Count(LogLevel.Warning));

        await using var broker = ScriptedPeer.Answering(request => RemotingCommand.Response(request, ResponseCodes.Success), port);
        await Eventually.Holds(() => client.BrokerVersion(broker.Address) is not null);
        await Eventually.Holds(() => _log.Entries.Any(entry => entry.Level == LogLevel.Information && entry.Text.Contains("serves again", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Name_servers_that_are_away_at_the_start_are_found_when_they_come()
    {
        var port = ScriptedPeer.FreePort();
        var broker = _cluster.AddBroker();
        await using var client = new RocketMQClient(_cluster.ClientOptions() with { NameServerAddresses = [$"127.0.0.1:{port}"] }, _log);
        client.Start();
        Register(client, "g", "T");
        await Eventually.Holds(() => _log.Count(LogLevel.Warning) > 0);
        var route = System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(FakeCluster.RouteOf(1, ("b", 0, broker.Address)), ProtocolJson.Default.TopicRouteData);
        await using var server = ScriptedPeer.Answering(request => RemotingCommand.Response(request, ResponseCodes.Success, body: route), port);
        await Eventually.Holds(() => Heartbeats(broker).Any());
    }

    [Fact]
    public async Task A_retry_topic_that_comes_with_the_first_heartbeat_is_found()
    {
        var broker = _cluster.AddBroker();
        _cluster.SetRoute("T", 2, ("b", 0, broker.Address));
        await using var client = _cluster.NewClient();
        client.Start();
        Register(client, "g", "T", "%RETRY%g");
        await Eventually.Holds(() => Heartbeats(broker).Any());
        Assert.Null(client.Routes.Find("%RETRY%g"));
        _cluster.SetRoute("%RETRY%g", 1, ("b", 0, broker.Address));
        await client.Routes.RefreshAsync().InTime();
        Assert.Single(client.Routes.Find("%RETRY%g")!.ReadQueues);
    }

    [Fact]
    public async Task A_consumer_that_leaves_is_unregistered_everywhere_and_not_told_of_any_more()
    {
        var master = _cluster.AddBroker();
        var slave = _cluster.AddBroker();
        _cluster.SetRoute("T", 2, ("b", 0, master.Address), ("b", 1, slave.Address));
        _cluster.SetRoute("U", 2, ("b", 0, master.Address), ("b", 1, slave.Address));
        await using var client = _cluster.NewClient();
        client.Start();
        Register(client, "g", "T");
        Register(client, "h", "U");
        await Eventually.Holds(() => Heartbeats(slave).Any(beat => beat.ConsumerDataSet.Count == 2) && Heartbeats(master).Any(beat => beat.ConsumerDataSet.Count == 2));
        await client.UnregisterConsumerAsync("g").InTime();
        foreach (var broker in _cluster.Brokers)
        {
            var farewell = Assert.Single(broker.ReceivedOf(RequestCodes.UnregisterClient));
            Assert.Equal(new Dictionary<string, string> { ["clientID"] = client.ClientId, ["consumerGroup"] = "g" }, farewell.ExtFields.ToDictionary());
            broker.Received.Clear();
        }

        await client.HeartbeatAsync().InTime();
        Assert.All(_cluster.Brokers, broker => Assert.Equal("h", Assert.Single(Heartbeats(broker).Last().ConsumerDataSet).GroupName));
        Assert.Null(client.Routes.Find("T"));
        Assert.NotNull(client.Routes.Find("U"));
    }

    [Fact]
    public async Task A_farewell_never_overtakes_a_heartbeat_under_way()
    {
        var held = new TaskCompletionSource();
        var broker = _cluster.AddBroker();
        broker.OnRequest = async (connection, request) =>
        {
            if (request.Code == RequestCodes.HeartBeat)
            {
                await held.Task;
            }

            await connection.AnswerAsync(request);
        };
        _cluster.SetRoute("T", 2, ("b", 0, broker.Address));
        await using var client = _cluster.NewClient();
        client.Start();
        Register(client, "g", "T");
        await Eventually.Holds(() => Heartbeats(broker).Any());
        var leaving = client.UnregisterConsumerAsync("g");
        await client.NameServer.GetRouteAsync("T").InTime();
        Assert.Empty(broker.ReceivedOf(RequestCodes.UnregisterClient));
        held.SetResult();
        await leaving.InTime();
        Assert.Equal(RequestCodes.UnregisterClient, broker.Received.Last().Code);
    }

    [Fact]
    public async Task A_broker_that_hangs_up_at_once_gets_no_flood_of_heartbeats()
    {
        var time = new FakeTimeProvider();
        var broker = _cluster.AddBroker();
        broker.OnRequest = (connection, _) =>
        {
            connection.Close();
            return Task.CompletedTask;
        };
        var sound = _cluster.AddBroker();
        _cluster.SetRoute("T", 2, ("a", 0, broker.Address), ("b", 0, sound.Address));
        await using var client = _cluster.NewClient(time: time);
        client.Start();
        Register(client, "g", "T");
        await Eventually.Holds(() => client.BrokerVersion(sound.Address) is not null && Heartbeats(broker).Any());
        // The clock stands still, so no retry is due; each of these questions leaves time for many if there were a flood.
        for (var n = 0; n < 20; n++)
        {
            await client.NameServer.GetRouteAsync("T").InTime();
        }

        Assert.Single(Heartbeats(broker));
    }

    [Fact]
    public async Task Stopping_leaves_all_groups_and_closes_the_connections()
    {
        var broker = _cluster.AddBroker();
        _cluster.SetRoute("T", 2, ("b", 0, broker.Address));
        var client = _cluster.NewClient();
        client.Start();
        Register(client, "g", "T");
        client.RegisterProducer("p");
        client.RegisterProducer("p");
        await Eventually.Holds(() => Heartbeats(broker).Any());
        await client.StopAsync().InTime();
        await client.DisposeAsync();
        Assert.Equal(["g", "p"], broker.ReceivedOf(RequestCodes.UnregisterClient).Select(request => request["consumerGroup"] ?? request["producerGroup"]).Order());
        await Eventually.Holds(() => broker.Connections.All(connection => connection.ClosedByOther));
        Assert.Throws<ObjectDisposedException>(client.Start);
    }

    [Fact]
    public async Task A_client_stops_quickly_though_nobody_answers()
    {
        _cluster.NameServerHangs = true;
        var client = _cluster.NewClient();
        client.Start();
        Register(client, "g", "T");
        await Eventually.Holds(() => !_cluster.NameServer.Received.IsEmpty);
        await client.StopAsync().InTime();
    }

    [Fact]
    public async Task Changed_members_are_told_by_group_and_a_handler_that_fails_does_no_harm()
    {
        var told = new ConcurrentQueue<string>();
        var broker = _cluster.AddBroker();
        _cluster.SetRoute("T", 2, ("b", 0, broker.Address));
        await using var client = _cluster.NewClient();
        client.ConsumerIdsChanged += told.Enqueue;
        client.ConsumerIdsChanged += _ => throw new InvalidOperationException("of no concern");
        client.Start();
        Register(client, "g", "T");
        await Eventually.Holds(() => Heartbeats(broker).Any());
        await broker.Connections.Last().SendAsync(RemotingCommand.Request(RequestCodes.NotifyConsumerIdsChanged, oneWay: true).Set("consumerGroup", "g"));
        await broker.Connections.Last().SendAsync(RemotingCommand.Request(RequestCodes.NotifyConsumerIdsChanged, oneWay: true).Set("consumerGroup", "h"));
        await Eventually.Holds(() => told.SequenceEqual(["g", "h"]));
    }

    [Fact]
    public async Task A_consumer_that_cannot_describe_itself_does_not_stop_the_others()
    {
        var broker = _cluster.AddBroker();
        _cluster.SetRoute("T", 2, ("b", 0, broker.Address));
        await using var client = _cluster.NewClient(_log);
        client.Start();
        client.RegisterConsumer("broken", () => throw new InvalidOperationException("no idea"), ["T"]);
        Register(client, "g", "T");
        await Eventually.Holds(() => Heartbeats(broker).Any(beat => beat.ConsumerDataSet.Any(data => data.GroupName == "g")));
        Assert.Contains(_log.Entries, entry => entry.Level == LogLevel.Error && entry.Text.Contains("broken", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_group_can_be_registered_once_at_a_time()
    {
        await using var client = _cluster.NewClient();
        Register(client, "g", "T");
        Assert.Equal(RocketMQErrorCode.State, Assert.Throws<RocketMQException>(() => Register(client, "g", "T")).Code);
        await client.UnregisterConsumerAsync("g").InTime();
        Register(client, "g", "T");
        Assert.Equal(RocketMQErrorCode.State, Assert.Throws<RocketMQException>(() => client.ConsumerChanged("unknown")).Code);
        Assert.Throws<RocketMQValidationException>(() => Register(client, "no group", "T"));
    }

    [Fact]
    public void Wrong_settings_are_refused_by_name()
    {
        var sound = _cluster.ClientOptions();
        Assert.Equal("NameServer", FieldOf(sound with { NameServerAddresses = [] }));
        Assert.Equal("NameServer", FieldOf(sound with { NameServerAddresses = ["x"] }));
        Assert.Equal("ClientId", FieldOf(sound with { ClientId = " " }));
        Assert.Equal("HeartbeatInterval", FieldOf(sound with { HeartbeatInterval = TimeSpan.Zero }));
        Assert.Equal("PollNameServerInterval", FieldOf(sound with { PollNameServerInterval = TimeSpan.FromSeconds(-1) }));
        Assert.Equal("PullTimeout", FieldOf(sound with { PullTimeout = TimeSpan.Zero }));

        string FieldOf(RocketMQClientOptions options) => Assert.Throws<RocketMQConfigurationException>(() => new RocketMQClient(options, _log)).Field;
    }

    private static bool Reconnects(RocketMQClient client, ScriptedPeer broker)
    {
        var ask = client.Brokers.GetConsumerIdsAsync(broker.Address, "g");
        return ask.ContinueWith(static task => task.IsCompletedSuccessfully, TaskScheduler.Default).Result && broker.Connections.Count > 1;
    }

    private static IEnumerable<HeartbeatData> Heartbeats(ScriptedPeer broker) => broker.ReceivedOf(RequestCodes.HeartBeat)
        .Select(request => TolerantJson.Read(request.Body.Span, ProtocolJson.Default.HeartbeatData));

    private static long VersionIn(HeartbeatData heartbeat) => heartbeat.ConsumerDataSet[0].SubscriptionDataSet[0].SubVersion;

    private static ConsumerData Data(string group, long version) => new()
    {
        GroupName = group,
        SubscriptionDataSet = [SubscriptionData.From("T", MessageSelector.All, version)],
    };

    private static void Register(RocketMQClient client, string group, params string[] topics) => client.RegisterConsumer(group, () => Data(group, 1), topics);
}

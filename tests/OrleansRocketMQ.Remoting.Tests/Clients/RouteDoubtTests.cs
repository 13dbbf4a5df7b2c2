using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Clients;

/// <summary>A broker that fails may not be the master any more: the route is asked for before its regular time.</summary>
public sealed class RouteDoubtTests : IAsyncLifetime
{
    private static readonly RocketMQNetworkException Away = new("away");

    private readonly FakeCluster _cluster = new();
    private readonly FakeTimeProvider _time = new();
    private readonly RemotingClient _remoting;
    private readonly RouteTable _routes;

    public RouteDoubtTests()
    {
        _remoting = new RemotingClient(new RemotingOptions(), _time, NullLogger.Instance);
        _routes = new RouteTable(new NameServerClient(_remoting, [_cluster.NameServer.Address], NullLogger.Instance), NullLogger.Instance);
        _cluster.SetRoute("T", 1, ("b", 0, "h:1"));
    }

    private int Asked => _cluster.NameServer.ReceivedOf(RequestCodes.GetRouteInfoByTopic).Count();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _remoting.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task A_route_that_stays_the_same_is_asked_for_less_and_less_often_however_many_fail()
    {
        await _routes.GetAsync("T").InTime();
        var moments = new List<int>();
        for (var second = 0; second < 100; second++)
        {
            moments.AddRange(Enumerable.Range(0, 10).Where(_ => _routes.Doubt("T", Away)).Select(_ => second));
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal([0, 1, 3, 7, 15, 31, 61, 91], moments);
    }

    [Fact]
    public async Task A_route_that_changed_is_doubted_at_once_again()
    {
        await _routes.GetAsync("T").InTime();
        _routes.Doubt("T", Away);
        await Eventually.Holds(() => Asked == 2);

        // The question has been put; its answer must be in, or the next refresh would share it and see no change.
        await _routes.RefreshAsync("T").InTime();
        _cluster.SetRoute("T", 2, ("b", 0, "h:1"));
        await _routes.RefreshAsync("T").InTime();
        var before = Asked;
        _cluster.SetRoute("T", 3, ("b", 0, "h:1"));
        _routes.Doubt("T", Away);
        await Eventually.Holds(() => _routes.Find("T")!.ReadQueues.Count == 3);
        Assert.Equal(before + 1, Asked);
    }

    [Theory]
    [InlineData(ResponseCodes.ServiceNotAvailable, true)]
    [InlineData(ResponseCodes.NoPermission, true)]
    [InlineData(ResponseCodes.NotLeaderForQueue, true)]
    [InlineData(ResponseCodes.SystemBusy, false)]
    [InlineData(ResponseCodes.MessageIllegal, false)]
    public async Task Only_a_refusal_that_another_broker_might_not_give_raises_doubt(int code, bool asks)
    {
        await _routes.GetAsync("T").InTime();
        Assert.Equal(asks, _routes.Doubt("T", new BrokerResponseException(RequestCodes.SendMessageV2, code, null, "h:1")));
        Assert.False(_routes.Doubt("unknown", Away));
        Assert.DoesNotContain("unknown", _routes.Topics);
    }

    [Fact]
    public async Task A_pull_refused_as_busy_comes_from_a_slave_and_raises_doubt()
    {
        await _routes.GetAsync("T").InTime();
        Assert.True(_routes.Doubt("T", new BrokerResponseException(RequestCodes.PullMessage, ResponseCodes.SystemBusy, null, "h:1")));
    }

    [Fact]
    public async Task A_producer_finds_the_new_master_without_waiting_for_the_regular_refresh()
    {
        var old = _cluster.AddBroker(request => request.Code == RequestCodes.SendMessageV2 ? RemotingCommand.Response(request, ResponseCodes.ServiceNotAvailable, "slave") : null);
        var now = _cluster.AddBroker(request => request.Code == RequestCodes.SendMessageV2
            ? RemotingCommand.Response(request, ResponseCodes.Success).Set("msgId", "7F00000100002A9F0000000000000000").Set("queueId", 0).Set("queueOffset", 0)
            : null);
        _cluster.SetRoute("T", 1, ("b", 0, old.Address));
        var log = new TestLog();
        await using var client = new RocketMQClient(_cluster.ClientOptions() with { PollNameServerInterval = TimeSpan.FromHours(1) }, log);
        await using var producer = new Producer(client, new ProducerOptions { Group = "p", RetryTimes = 0 }, log);
        await Assert.ThrowsAsync<SendFailedException>(() => producer.SendAsync(new Message("T", "x"u8.ToArray())).InTime());
        await Eventually.Holds(() => Asked >= 2);
        _cluster.SetRoute("T", 1, ("b", 0, now.Address));
        await SendUntilTakenAsync(producer).InTime();
        Assert.NotEmpty(now.ReceivedOf(RequestCodes.SendMessageV2));
    }

    private static async Task SendUntilTakenAsync(Producer producer)
    {
        while (true)
        {
            try
            {
                await producer.SendAsync(new Message("T", "x"u8.ToArray()));
                return;
            }
            catch (RocketMQException)
            {
                await Task.Delay(10);
            }
        }
    }
}

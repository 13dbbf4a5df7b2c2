using System.Net;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Clients;

public sealed class BrokerClientTests : IAsyncLifetime
{
    private static readonly MessageQueue Queue = new("T", "b", 3);

    private readonly RemotingClient _remoting = new(new RemotingOptions(), TimeProvider.System, NullLogger.Instance);
    private readonly ScriptedPeer _peer;
    private readonly BrokerClient _brokers;
    private Func<RemotingCommand, RemotingCommand> _answer = request => RemotingCommand.Response(request, ResponseCodes.Success);

    public BrokerClientTests()
    {
        _peer = ScriptedPeer.Answering(request => _answer(request));
        _brokers = new BrokerClient(_remoting);
    }

    private RemotingCommand Sent => Assert.Single(_peer.Received);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _remoting.DisposeAsync();
        await _peer.DisposeAsync();
    }

    [Theory]
    [InlineData(ResponseCodes.Success, PullStatus.Found)]
    [InlineData(ResponseCodes.PullNotFound, PullStatus.NoNewMessage)]
    [InlineData(ResponseCodes.PullRetryImmediately, PullStatus.NoMatchedMessage)]
    [InlineData(ResponseCodes.PullOffsetMoved, PullStatus.OffsetIllegal)]
    public async Task What_a_pull_brought_is_told_by_its_code(int code, PullStatus status)
    {
        var record = new StoredMessage { Topic = "T", Body = new byte[] { 1, 2 }, QueueOffset = 7, BornHost = new(IPAddress.Loopback, 1), StoreHost = new(IPAddress.Loopback, 2) }.Encode();
        _answer = request => RemotingCommand.Response(request, code, body: code == 0 ? record : default)
            .Set("nextBeginOffset", 8).Set("minOffset", 5).Set("maxOffset", 9).Set("suggestWhichBrokerId", 1);
        var result = await _brokers.PullAsync(_peer.Address, new PullRequest("g", Queue, 7)).InTime();
        Assert.Equal((status, 8L, 5L, 9L, 1L), (result.Status, result.NextBeginOffset, result.MinOffset, result.MaxOffset, result.SuggestedBrokerId));
        var messages = new List<MessageExt>();
        result.Decode(messages, "b");
        Assert.Equal(code == 0 ? 1 : 0, messages.Count);
        Assert.All(messages, message => Assert.Equal(("b", 7L), (message.BrokerName, message.QueueOffset)));
    }

    [Theory]
    [InlineData(ResponseCodes.FlowControl)]
    [InlineData(ResponseCodes.SubscriptionNotLatest)]
    [InlineData(ResponseCodes.SystemError)]
    public async Task A_refused_pull_is_an_error_with_the_brokers_code_and_remark(int code)
    {
        _answer = request => RemotingCommand.Response(request, code, "because");
        var error = await Assert.ThrowsAsync<BrokerResponseException>(() => _brokers.PullAsync(_peer.Address, new PullRequest("g", Queue, 0)).InTime());
        Assert.Equal((RequestCodes.PullMessage, code, "because", _peer.Address), (error.RequestCode, error.ResponseCode, error.Remark, error.Address));
    }

    [Fact]
    public void The_bits_of_a_pull_follow_from_what_it_asks()
    {
        var request = new PullRequest("g", Queue, 0);
        Assert.Equal(PullSysFlag.Suspend, request.SysFlag);
        Assert.Equal(PullSysFlag.None, (request with { SuspendTimeout = TimeSpan.Zero }).SysFlag);
        Assert.Equal(PullSysFlag.Suspend | PullSysFlag.CommitOffset, (request with { CommitOffset = 1 }).SysFlag);
        Assert.Equal(PullSysFlag.Suspend, (request with { CommitOffset = 1, ToSlave = true }).SysFlag);
        Assert.Equal(PullSysFlag.Suspend, (request with { CommitOffset = -1 }).SysFlag);
        Assert.Equal(PullSysFlag.Suspend | PullSysFlag.Subscription | PullSysFlag.LitePull, (request with { Expression = "*", LitePull = true }).SysFlag);
    }

    [Fact]
    public async Task A_lite_pull_with_an_expression_has_its_own_code_and_carries_it()
    {
        _answer = request => RemotingCommand.Response(request, ResponseCodes.PullNotFound).Set("nextBeginOffset", 0).Set("minOffset", 0).Set("maxOffset", 0);
        await _brokers.PullAsync(_peer.Address, new PullRequest("g", Queue, 0) { LitePull = true, Expression = "a > 1", ExpressionType = "SQL92" }).InTime();
        Assert.Equal((RequestCodes.LitePullMessage, "a > 1", "SQL92", "22"), (Sent.Code, Sent["subscription"], Sent["expressionType"], Sent["sysFlag"]));
    }

    [Fact]
    public async Task A_committed_offset_is_read_and_none_is_null()
    {
        _answer = request => RemotingCommand.Response(request, ResponseCodes.Success).Set("offset", 42);
        Assert.Equal(42, await _brokers.QueryConsumerOffsetAsync(_peer.Address, "g", Queue).InTime());
        Assert.Null(Sent["setZeroIfNotFound"]);
        _answer = request => RemotingCommand.Response(request, ResponseCodes.QueryNotFound);
        Assert.Null(await _brokers.QueryConsumerOffsetAsync(_peer.Address, "g", Queue, setZeroIfNotFound: false).InTime());
        Assert.Equal("false", _peer.Received.Last()["setZeroIfNotFound"]);
        _answer = request => RemotingCommand.Response(request, ResponseCodes.Success).Set("offset", -1);
        Assert.Null(await _brokers.QueryConsumerOffsetAsync(_peer.Address, "g", Queue).InTime());
        _answer = request => RemotingCommand.Response(request, ResponseCodes.SubscriptionGroupNotExist);
        await Assert.ThrowsAsync<BrokerResponseException>(() => _brokers.QueryConsumerOffsetAsync(_peer.Address, "g", Queue).InTime());
    }

    [Fact]
    public async Task An_awaited_commit_that_is_refused_is_an_error()
    {
        await _brokers.UpdateConsumerOffsetAsync(_peer.Address, "g", Queue, 5).InTime();
        Assert.False(Sent.IsOneWay);
        _answer = request => RemotingCommand.Response(request, ResponseCodes.SubscriptionGroupNotExist);
        await Assert.ThrowsAsync<BrokerResponseException>(() => _brokers.UpdateConsumerOffsetAsync(_peer.Address, "g", Queue, 5).InTime());
    }

    [Fact]
    public async Task Bounds_and_times_of_a_queue_are_asked_with_Javas_fields()
    {
        _answer = request => RemotingCommand.Response(request, ResponseCodes.Success).Set("offset", 42).Set("timestamp", 77);
        Assert.Equal(42, await _brokers.GetMaxOffsetAsync(_peer.Address, Queue).InTime());
        Assert.Equal(42, await _brokers.GetMinOffsetAsync(_peer.Address, Queue).InTime());
        Assert.Equal(42, await _brokers.SearchOffsetAsync(_peer.Address, Queue, 1000, OffsetBoundary.Upper).InTime());
        Assert.Equal(77, await _brokers.GetEarliestMessageStoreTimeAsync(_peer.Address, Queue).InTime());
        var queue = new Dictionary<string, string> { ["topic"] = "T", ["queueId"] = "3", ["bname"] = "b" };
        Assert.Equal(
            [
                (RequestCodes.GetMaxOffset, Sorted(new(queue) { ["committed"] = "true" })),
                (RequestCodes.GetMinOffset, Sorted(queue)),
                (RequestCodes.SearchOffsetByTimestamp, Sorted(new(queue) { ["timestamp"] = "1000", ["boundaryType"] = "UPPER" })),
                (RequestCodes.GetEarliestMessageStoreTime, Sorted(queue)),
            ],
            _peer.Received.Select(request => (request.Code, Sorted(request.ExtFields.ToDictionary()))));

        static string Sorted(Dictionary<string, string> fields) => string.Join(' ', fields.OrderBy(pair => pair.Key, StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_heartbeats_answer_tells_the_brokers_version_and_abilities()
    {
        _answer = request => RemotingCommand.Response(request, ResponseCodes.Success).Set("IS_SUPPORT_HEART_BEAT_V2", true).Set("IS_SUB_CHANGE", false);
        Assert.Equal(new HeartbeatResult(ProtocolVersion.Current, true, false), await _brokers.HeartbeatAsync(_peer.Address, new HeartbeatData { ClientId = "c" }).InTime());
        Assert.Equal("""{"clientID":"c","consumerDataSet":[],"heartbeatFingerprint":0,"producerDataSet":[],"withoutSub":false}""", Encoding.UTF8.GetString(Sent.Body.Span));
    }

    [Fact]
    public async Task Members_are_read_and_a_group_without_any_has_none()
    {
        _answer = request => RemotingCommand.Response(request, ResponseCodes.Success, body: """{"consumerIdList":["b@2","a@1"]}"""u8.ToArray());
        Assert.Equal(["b@2", "a@1"], await _brokers.GetConsumerIdsAsync(_peer.Address, "g").InTime());
        _answer = request => RemotingCommand.Response(request, ResponseCodes.SystemError, "no consumer for this group, g");
        Assert.Empty(await _brokers.GetConsumerIdsAsync(_peer.Address, "g").InTime());
        _answer = request => RemotingCommand.Response(request, ResponseCodes.SystemBusy);
        await Assert.ThrowsAsync<BrokerResponseException>(() => _brokers.GetConsumerIdsAsync(_peer.Address, "g").InTime());
    }

    [Fact]
    public async Task Locks_tell_what_is_held_and_unlocks_may_be_one_way()
    {
        _answer = request => RemotingCommand.Response(request, ResponseCodes.Success, body: """{"lockOKMQSet":[{"brokerName":"b","queueId":3,"topic":"T"}]}"""u8.ToArray());
        Assert.Equal([Queue], await _brokers.LockAsync(_peer.Address, "g", "c", [Queue, Queue with { QueueId = 4 }]).InTime());
        await _brokers.UnlockAsync(_peer.Address, "g", "c", [Queue]).InTime();
        await _brokers.UnlockAsync(_peer.Address, "g", "c", [Queue], oneWay: true).InTime();
        await Eventually.Holds(() => _peer.Received.Count == 3);
        Assert.Equal([false, false, true], _peer.Received.Select(request => request.IsOneWay));
    }

    [Fact]
    public async Task A_message_is_viewed_at_the_broker_its_id_names()
    {
        var host = IPEndPoint.Parse(_peer.Address);
        var record = new StoredMessage { Topic = "T", Body = new byte[] { 9 }, CommitLogOffset = 99, BornHost = host, StoreHost = host }.Encode();
        _answer = request => RemotingCommand.Response(request, ResponseCodes.Success, body: record);
        var id = OffsetMessageId.Format(host, 99);
        var message = await _brokers.ViewMessageAsync(id, "T").InTime();
        Assert.Equal((id, "99"), (message.OffsetMessageId, Sent["offset"]));
        await Assert.ThrowsAsync<RocketMQValidationException>(() => _brokers.ViewMessageAsync("no id").InTime());
    }

    [Fact]
    public async Task A_refused_subscription_is_an_error_with_the_brokers_reason()
    {
        _answer = request => RemotingCommand.Response(request, ResponseCodes.SubscriptionParseFailed, "bad expression");
        var check = new CheckClientRequest { ClientId = "c", Group = "g", SubscriptionData = SubscriptionData.From("T", MessageSelector.BySql("a >"), 1) };
        Assert.Equal("bad expression", (await Assert.ThrowsAsync<BrokerResponseException>(() => _brokers.CheckClientConfigAsync(_peer.Address, check).InTime())).Remark);
    }

    [Fact]
    public async Task A_message_sent_back_that_the_broker_does_not_take_is_an_error()
    {
        await _brokers.SendMessageBackAsync(_peer.Address, "b", 99, "g", -1, "id", "T", 16).InTime();
        Assert.Equal(("-1", "99"), (Sent["delayLevel"], Sent["offset"]));
        _answer = request => RemotingCommand.Response(request, ResponseCodes.SystemError, "look message by offset failed");
        await Assert.ThrowsAsync<BrokerResponseException>(() => _brokers.SendMessageBackAsync(_peer.Address, "b", 99, "g", 0, "id", "T", 16).InTime());
    }

    [Fact]
    public async Task A_topic_is_deleted_by_name()
    {
        await _brokers.DeleteTopicAsync(_peer.Address, "T").InTime();
        Assert.Equal((RequestCodes.DeleteTopicInBroker, "T"), (Sent.Code, Sent["topic"]));
    }
}

using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Connections;

/// <summary>The other side vanishes without a word: its connections stay open and swallow everything, a new one would work.</summary>
public sealed class DumbConnectionTests : IAsyncLifetime
{
    private readonly ScriptedPeer _peer = new();
    private readonly FakeTimeProvider _time = new();
    private readonly RemotingClient _client;

    public DumbConnectionTests() => _client = new RemotingClient(new RemotingOptions(), _time, NullLogger.Instance);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _client.DisposeAsync();
        await _peer.DisposeAsync();
    }

    [Fact]
    public async Task A_connection_on_which_nothing_came_since_a_request_that_timed_out_is_replaced_and_the_next_request_is_answered()
    {
        var dumb = await ConnectThenSwallowAsync();
        var lost = _client.InvokeAsync(_peer.Address, Request());
        var pull = _client.InvokeAsync(_peer.Address, Request(), TimeSpan.FromSeconds(30));
        await Eventually.Holds(() => _peer.Received.Count == 3);
        _time.Advance(TimeSpan.FromSeconds(3.2));
        await Assert.ThrowsAsync<RocketMQTimeoutException>(() => lost.InTime());

        // Who waits longer on the same connection learns at once that it waits for nothing.
        await Assert.ThrowsAsync<RocketMQNetworkException>(() => pull.InTime());
        Assert.Equal(ResponseCodes.Success, (await _client.InvokeAsync(_peer.Address, Request()).InTime()).Code);
        Assert.Equal(2, _peer.Connections.Count);
        await Eventually.Holds(() => dumb.ClosedByOther);
    }

    [Fact]
    public async Task A_request_that_waits_longer_than_others_is_news_of_its_connection_as_well()
    {
        var dumb = await ConnectThenSwallowAsync();
        var pull = _client.InvokeAsync(_peer.Address, Request(), TimeSpan.FromSeconds(30));
        await Eventually.Holds(() => _peer.Received.Count == 2);
        _time.Advance(TimeSpan.FromSeconds(30.2));
        await Assert.ThrowsAsync<RocketMQTimeoutException>(() => pull.InTime());
        await _client.InvokeAsync(_peer.Address, Request()).InTime();
        await Eventually.Holds(() => dumb.ClosedByOther);
    }

    [Fact]
    public async Task A_caller_in_a_hurry_does_not_close_the_connection_before_the_request_time_out()
    {
        var quiet = await ConnectThenSwallowAsync();
        var hasty = _client.InvokeAsync(_peer.Address, Request(), TimeSpan.FromMilliseconds(100));
        await Eventually.Holds(() => _peer.Received.Count == 2);
        _time.Advance(TimeSpan.FromSeconds(1));
        await Assert.ThrowsAsync<RocketMQTimeoutException>(() => hasty.InTime());
        var patient = _client.InvokeAsync(_peer.Address, Request());
        await Eventually.Holds(() => _peer.Received.Count == 3);
        await quiet.AnswerAsync(_peer.Received.Last());
        await patient.InTime();
        _time.Advance(TimeSpan.FromSeconds(10));
        await quiet.SendAsync(RemotingCommand.Request(RequestCodes.NotifyConsumerIdsChanged, oneWay: true));
        Assert.Single(_peer.Connections);
        Assert.False(quiet.ClosedByOther);
    }

    [Fact]
    public async Task A_server_that_stays_silent_is_sent_a_few_hundred_requests_and_no_more_until_it_has_answered_one()
    {
        await ConnectThenSwallowAsync();
        _peer.OnRequest = (_, _) => Task.CompletedTask;
        var lost = _client.InvokeAsync(_peer.Address, Request());
        await Eventually.Holds(() => _peer.Received.Count == 2);
        _time.Advance(TimeSpan.FromSeconds(3.2));
        await Assert.ThrowsAsync<RocketMQTimeoutException>(() => lost.InTime());

        var waiting = Enumerable.Range(0, 256).Select(_ => _client.InvokeAsync(_peer.Address, Request())).ToList();
        await Eventually.Holds(() => _peer.Received.Count == 2 + waiting.Count);
        await Assert.ThrowsAsync<RocketMQNetworkException>(() => _client.InvokeAsync(_peer.Address, Request()).InTime());
        Assert.True(_client.IsFailing(_peer.Address));

        _peer.OnRequest = (peer, request) => peer.AnswerAsync(request);
        await _peer.Connections.Last().AnswerAsync(_peer.Received.Last());
        await Task.WhenAny(waiting).InTime();
        Assert.False(_client.IsFailing(_peer.Address));
        Assert.Equal(ResponseCodes.Success, (await _client.InvokeAsync(_peer.Address, Request()).InTime()).Code);
    }

    [Fact]
    public async Task A_connection_that_goes_silent_takes_hundreds_of_requests_and_no_more_while_pulls_may_wait_on_it()
    {
        var dumb = await ConnectThenSwallowAsync();
        var pulls = Enumerable.Range(0, 300).Select(_ => _client.InvokeAsync(_peer.Address, Request(), TimeSpan.FromSeconds(30))).ToList();
        await Eventually.Holds(() => _peer.Received.Count == 301);
        _time.Advance(TimeSpan.FromSeconds(10));

        // Nothing is strange yet: pulls wait that long.
        var waiting = Enumerable.Range(0, 400).Select(_ => _client.InvokeAsync(_peer.Address, Request())).ToList();
        await Eventually.Holds(() => _peer.Received.Count == 701);
        _time.Advance(TimeSpan.FromSeconds(1));
        await Assert.ThrowsAsync<RocketMQNetworkException>(() => _client.InvokeAsync(_peer.Address, Request()).InTime());
        Assert.True(_client.IsFailing(_peer.Address));

        await dumb.AnswerAsync(_peer.Received.Last());
        await Task.WhenAny(waiting).InTime();
        Assert.False(_client.IsFailing(_peer.Address));
        Assert.DoesNotContain(pulls, pull => pull.IsCompleted);
    }

    private static RemotingCommand Request() => RemotingCommand.Request(RequestCodes.HeartBeat);

    private async Task<PeerConnection> ConnectThenSwallowAsync()
    {
        _peer.OnRequest = (peer, request) => peer.AnswerAsync(request);
        await _client.InvokeAsync(_peer.Address, Request()).InTime();
        var first = _peer.Connections.First();
        _peer.OnRequest = (peer, request) => peer == first ? Task.CompletedTask : peer.AnswerAsync(request);
        return first;
    }
}

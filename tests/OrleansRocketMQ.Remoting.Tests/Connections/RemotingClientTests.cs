using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Connections;

public sealed class RemotingClientTests : IAsyncLifetime
{
    private readonly ScriptedPeer _peer = new();
    private readonly FakeTimeProvider _time = new();
    private readonly RemotingClient _client;

    public RemotingClientTests() => _client = NewClient(new RemotingOptions { MaxFrameLength = 1024 * 1024 });

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _client.DisposeAsync();
        await _peer.DisposeAsync();
    }

    [Fact]
    public async Task Answers_find_their_requests_in_whatever_order_they_come()
    {
        var waiting = new ConcurrentBag<RemotingCommand>();
        _peer.OnRequest = async (connection, request) =>
        {
            waiting.Add(request);
            if (waiting.Count == 20)
            {
                foreach (var held in waiting.OrderByDescending(held => held.Opaque))
                {
                    await connection.AnswerAsync(held, remark: held["n"]);
                }
            }
        };
        var answers = Enumerable.Range(0, 20).Select(n => _client.InvokeAsync(_peer.Address, Request().Set("n", n))).ToList();
        for (var n = 0; n < answers.Count; n++)
        {
            Assert.Equal(n.ToString(System.Globalization.CultureInfo.InvariantCulture), (await answers[n].InTime()).Remark);
        }

        Assert.Single(_peer.Connections);
    }

    [Fact]
    public async Task A_request_without_an_answer_times_out_and_a_late_answer_has_no_effect()
    {
        var request = Request();
        var answer = _client.InvokeAsync(_peer.Address, request, TimeSpan.FromSeconds(3));
        await Eventually.Holds(() => !_peer.Received.IsEmpty);
        var connection = _peer.Connections.First();
        _peer.OnRequest = (peer, late) => peer.AnswerAsync(late, remark: "sound");
        await _client.InvokeAsync(_peer.Address, Request()).InTime();
        _time.Advance(TimeSpan.FromSeconds(2.5));
        Assert.False(answer.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(1));
        var timeout = await Assert.ThrowsAsync<RocketMQTimeoutException>(() => answer.InTime());
        Assert.Contains("HeartBeat (34)", timeout.Message, StringComparison.Ordinal);

        await connection.AnswerAsync(_peer.Received.First());
        Assert.Equal("sound", (await _client.InvokeAsync(_peer.Address, Request()).InTime()).Remark);
        Assert.Single(_peer.Connections);
    }

    [Fact]
    public async Task A_cancelled_request_ends_at_once_and_the_connection_stays()
    {
        using var cancelling = new CancellationTokenSource();
        var answer = _client.InvokeAsync(_peer.Address, Request(), cancellationToken: cancelling.Token);
        await Eventually.Holds(() => !_peer.Received.IsEmpty);
        await cancelling.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => answer.InTime());
        _peer.OnRequest = (peer, request) => peer.AnswerAsync(request);
        await _client.InvokeAsync(_peer.Address, Request()).InTime();
        Assert.Single(_peer.Connections);
    }

    [Fact]
    public async Task A_corrupt_frame_closes_its_connection_and_no_other()
    {
        await using var other = new ScriptedPeer();
        var safe = _client.InvokeAsync(other.Address, Request());
        var torn = _client.InvokeAsync(_peer.Address, Request());
        await Eventually.Holds(() => !_peer.Received.IsEmpty && !other.Received.IsEmpty);
        await _peer.Connections.First().SendRawAsync([0, 0, 0, 8, 7, 0, 0, 0, 1, 2, 3, 4]);
        Assert.Equal("serialize type", (await Assert.ThrowsAsync<FrameFormatException>(() => torn.InTime())).Field);
        await Eventually.Holds(() => _peer.Connections.First().ClosedByOther);
        Assert.False(safe.IsCompleted);
        await other.Connections.First().AnswerAsync(other.Received.First());
        await safe.InTime();
    }

    [Fact]
    public async Task A_length_above_the_limit_that_no_answer_follows_closes_the_connection()
    {
        var answer = _client.InvokeAsync(_peer.Address, Request());
        await Eventually.Holds(() => !_peer.Received.IsEmpty);
        await _peer.Connections.First().SendRawAsync([0, 0x10, 0, 1, 7, 0, 0, 0]);
        Assert.Equal("frame length", (await Assert.ThrowsAsync<FrameFormatException>(() => answer.InTime())).Field);
    }

    [Fact]
    public async Task A_connection_that_ends_within_a_frame_ends_with_a_frame_format_error()
    {
        var answer = _client.InvokeAsync(_peer.Address, Request());
        await Eventually.Holds(() => !_peer.Received.IsEmpty);
        await _peer.Connections.First().SendRawAsync([0, 0, 0, 8, 0, 0]);
        _peer.Connections.First().Close();
        await Assert.ThrowsAnyAsync<RocketMQNetworkException>(() => answer.InTime());
    }

    [Fact]
    public async Task The_peers_close_fails_what_waits_and_the_next_request_connects_again()
    {
        var opened = 0;
        _client.ConnectionOpened += _ => Interlocked.Increment(ref opened);
        var answer = _client.InvokeAsync(_peer.Address, Request());
        await Eventually.Holds(() => !_peer.Received.IsEmpty);
        _peer.Connections.First().Close();
        await Assert.ThrowsAsync<RocketMQNetworkException>(() => answer.InTime());

        _peer.OnRequest = (peer, request) => peer.AnswerAsync(request);
        await _client.InvokeAsync(_peer.Address, Request()).InTime();
        Assert.Equal(2, _peer.Connections.Count);
        Assert.Equal(2, opened);
    }

    [Fact]
    public async Task A_handler_of_opened_connections_that_fails_does_no_harm()
    {
        _client.ConnectionOpened += _ => throw new InvalidOperationException("of no concern");
        _peer.OnRequest = (peer, request) => peer.AnswerAsync(request);
        await _client.InvokeAsync(_peer.Address, Request()).InTime();
    }

    [Fact]
    public async Task A_server_that_is_away_fails_at_once_until_the_back_off_is_over()
    {
        await using var client = NewClient(new RemotingOptions { ReconnectBackoff = TimeSpan.FromSeconds(1), MaxReconnectBackoff = TimeSpan.FromSeconds(8) });
        var port = ScriptedPeer.FreePort();
        var address = $"127.0.0.1:{port}";
        await Assert.ThrowsAsync<RocketMQNetworkException>(() => client.InvokeAsync(address, Request()).InTime());
        Assert.True(client.IsFailing(address));

        await using var late = ScriptedPeer.Answering(request => RemotingCommand.Response(request, ResponseCodes.Success), port);
        // At least half of the full wait, whatever the dice say. The clock stands still: nobody waits for it.
        _time.Advance(TimeSpan.FromSeconds(0.4));
        await Assert.ThrowsAsync<RocketMQNetworkException>(() => client.InvokeAsync(address, Request()).InTime());
        Assert.Empty(late.Connections);
        _time.Advance(TimeSpan.FromSeconds(0.7));
        Assert.False(client.IsFailing(address));
        await client.InvokeAsync(address, Request()).InTime();
    }

    [Fact]
    public async Task A_server_that_closes_before_it_answers_is_left_alone_for_the_back_off()
    {
        _peer.OnRequest = (peer, _) =>
        {
            peer.Close();
            return Task.CompletedTask;
        };
        for (var attempt = 0; attempt < 50; attempt++)
        {
            await Assert.ThrowsAnyAsync<RocketMQNetworkException>(() => _client.InvokeAsync(_peer.Address, Request()).InTime());
        }

        Assert.InRange(_peer.Connections.Count, 1, 2);
        _peer.OnRequest = (peer, request) => peer.AnswerAsync(request);
        _time.Advance(TimeSpan.FromSeconds(3));
        await _client.InvokeAsync(_peer.Address, Request()).InTime();
    }

    [Fact]
    public async Task What_a_server_raises_runs_outside_the_context_of_whoever_opened_the_connection()
    {
        var local = new AsyncLocal<string?>();
        var seen = new TaskCompletionSource<string?>();
        _client.Handle(RequestCodes.NotifyConsumerIdsChanged, (_, _) =>
        {
            seen.SetResult(local.Value);
            return new((RemotingCommand?)null);
        });
        _peer.OnRequest = (peer, request) => peer.AnswerAsync(request);
        local.Value = "of the caller";
        await _client.InvokeAsync(_peer.Address, Request()).InTime();
        await _peer.Connections.First().SendAsync(RemotingCommand.Request(RequestCodes.NotifyConsumerIdsChanged, oneWay: true));
        Assert.Null(await seen.Task.InTime());
    }

    [Fact]
    public async Task Waiting_for_a_connection_ends_with_the_requests_time_out()
    {
        // Nobody answers the handshake, so the connection never opens.
        await using var client = NewClient(new RemotingOptions { ConnectTimeout = TimeSpan.FromMinutes(1), Tls = new() { DangerouslyTrustAnyCertificate = true } });
        var waiting = client.InvokeAsync(_peer.Address, Request(), TimeSpan.FromSeconds(2));
        Assert.False(waiting.IsCompleted);
        await Eventually.Holds(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(0.2));
            return waiting.IsCompleted;
        });
        Assert.Contains("within 2000 ms", (await Assert.ThrowsAsync<RocketMQNetworkException>(() => waiting)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_GO_AWAY_the_request_goes_once_more_over_a_new_connection_and_the_old_one_ends_when_it_is_quiet()
    {
        var held = Request().Set("held", "yes");
        _peer.OnRequest = (peer, request) => request["held"] is not null || request["n"] is null
            ? Task.CompletedTask
            : peer.AnswerAsync(request, _peer.Connections.Count == 1 ? ResponseCodes.GoAway : ResponseCodes.Success);
        var waiting = _client.InvokeAsync(_peer.Address, held, TimeSpan.FromMinutes(1));
        await Eventually.Holds(() => !_peer.Received.IsEmpty);

        var answer = await _client.InvokeAsync(_peer.Address, Request().Set("n", 1)).InTime();
        Assert.Equal(ResponseCodes.Success, answer.Code);
        Assert.Equal(2, _peer.Connections.Count);
        Assert.Equal(2, _peer.Received.Count(request => request["n"] is not null));

        // What was under way on the old connection may still be answered there.
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.False(waiting.IsCompleted);
        await _peer.Connections.First().AnswerAsync(_peer.Received.First());
        await waiting.InTime();
        await Eventually.Holds(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(0.5));
            return _peer.Connections.First().ClosedByOther;
        });
        Assert.False(_peer.Connections.Last().ClosedByOther);
    }

    [Fact]
    public async Task A_second_GO_AWAY_is_the_answer()
    {
        _peer.OnRequest = (peer, request) => peer.AnswerAsync(request, ResponseCodes.GoAway);
        Assert.Equal(ResponseCodes.GoAway, (await _client.InvokeAsync(_peer.Address, Request()).InTime()).Code);
        Assert.Equal(2, _peer.Received.Count);
    }

    [Fact]
    public async Task Requests_of_the_server_are_answered_by_their_handler()
    {
        _client.Handle(307, (_, request) => new(RemotingCommand.Response(request, ResponseCodes.Success, "about me")));
        _client.Handle(309, (_, _) => throw new InvalidOperationException("broken"));
        _client.Handle(40, (_, _) => new((RemotingCommand?)null));
        _peer.OnRequest = (peer, request) => peer.AnswerAsync(request);
        await _client.InvokeAsync(_peer.Address, Request()).InTime();
        var connection = _peer.Connections.First();
        await connection.SendAsync(new RemotingCommand { Code = 307, Opaque = 1 });
        await connection.SendAsync(new RemotingCommand { Code = 309, Opaque = 2 });
        await connection.SendAsync(RemotingCommand.Request(40, oneWay: true));
        await connection.SendAsync(new RemotingCommand { Code = 99999, Opaque = 3, SerializeType = SerializeType.Json });
        await Eventually.Holds(() => connection.Responses.Count == 3);
        var answers = connection.Responses.ToDictionary(response => response.Opaque);
        Assert.Equal((ResponseCodes.Success, "about me"), (answers[1].Code, answers[1].Remark));
        Assert.Equal((ResponseCodes.SystemError, "broken"), (answers[2].Code, answers[2].Remark));
        Assert.Equal(ResponseCodes.RequestCodeNotSupported, answers[3].Code);
    }

    [Fact]
    public async Task A_one_way_request_is_never_answered_not_even_an_unknown_one()
    {
        _peer.OnRequest = (peer, request) => peer.AnswerAsync(request);
        await _client.InvokeAsync(_peer.Address, Request()).InTime();
        var connection = _peer.Connections.First();
        await connection.SendAsync(RemotingCommand.Request(99999, oneWay: true));
        await connection.SendAsync(new RemotingCommand { Code = 88888, Opaque = 4 });
        await Eventually.Holds(() => !connection.Responses.IsEmpty);
        Assert.Equal(4, Assert.Single(connection.Responses).Opaque);
    }

    [Fact]
    public async Task A_quiet_connection_is_closed_after_the_idle_time_but_not_while_a_request_waits()
    {
        var answer = _client.InvokeAsync(_peer.Address, Request(), TimeSpan.FromMinutes(10));
        await Eventually.Holds(() => !_peer.Received.IsEmpty);
        _time.Advance(TimeSpan.FromMinutes(3));
        var connection = _peer.Connections.First();
        await connection.AnswerAsync(_peer.Received.First());
        await answer.InTime();
        _time.Advance(TimeSpan.FromSeconds(119));
        Assert.False(connection.ClosedByOther);
        await Eventually.Holds(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return connection.ClosedByOther;
        });
    }

    [Fact]
    public async Task A_server_that_reads_nothing_makes_requests_time_out_instead_of_waiting_for_room()
    {
        await using var client = NewClient(new RemotingOptions { SendBufferLimit = 1024 });
        _peer.OnRequest = (peer, request) => peer.AnswerAsync(request);
        await client.InvokeAsync(_peer.Address, Request()).InTime();
        var stuck = new TaskCompletionSource();
        _peer.OnRequest = (_, _) => stuck.Task;
        var body = new byte[4 * 1024 * 1024];
        var answers = Enumerable.Range(0, 4).Select(_ => client.InvokeAsync(_peer.Address, RemotingCommand.Request(34, body), TimeSpan.FromSeconds(3))).ToList();
        await Eventually.Holds(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return answers.All(answer => answer.IsCompleted);
        });
        Assert.All(answers, answer => Assert.IsType<RocketMQTimeoutException>(answer.Exception?.InnerException));
        stuck.SetResult();
    }

    [Fact]
    public async Task Disposing_fails_what_waits_and_refuses_what_comes()
    {
        var answer = _client.InvokeAsync(_peer.Address, Request());
        await Eventually.Holds(() => !_peer.Received.IsEmpty);
        await _client.DisposeAsync();
        await Assert.ThrowsAsync<RocketMQNetworkException>(() => answer.InTime());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => _client.InvokeAsync(_peer.Address, Request()));
    }

    [Fact]
    public async Task A_request_that_comes_while_the_client_is_disposed_of_leaves_no_connection_behind()
    {
        _peer.OnRequest = (peer, request) => peer.AnswerAsync(request);
        for (var round = 0; round < 200; round++)
        {
            var client = NewClient(new RemotingOptions());
            using var start = new Barrier(2);
            var asking = Task.Run(() =>
            {
                start.SignalAndWait();
                return client.InvokeAsync(_peer.Address, Request());
            });
            await Task.Run(async () =>
            {
                start.SignalAndWait();
                await client.DisposeAsync();
            }).InTime();
            await asking.ContinueWith(static done => done.Exception, TaskScheduler.Default).InTime();
        }

        await Eventually.Holds(() => _peer.Connections.All(connection => connection.ClosedByOther));
    }

    [Fact]
    public async Task An_address_that_is_none_is_told_as_such()
        => Assert.Equal("Address", (await Assert.ThrowsAsync<RocketMQValidationException>(() => _client.InvokeAsync("nowhere", Request()).InTime())).Field);

    [Theory]
    [InlineData("127.0.0.1:9876", "127.0.0.1", 9876)]
    [InlineData("broker-a.local:1", "broker-a.local", 1)]
    [InlineData("[::1]:10911", "::1", 10911)]
    [InlineData("fd00::2:10911", "fd00::2", 10911)]
    [InlineData("[fe80::1%eth0]:10911", "fe80::1%eth0", 10911)]
    [InlineData("rmq_namesrv:9876", "rmq_namesrv", 9876)]
    [InlineData("namesrv.default.svc.cluster.local.:9876", "namesrv.default.svc.cluster.local.", 9876)]
    public void Addresses_are_read_as_RocketMQ_writes_them(string text, string host, int port)
        => Assert.Equal(new HostAndPort(host, port), HostAndPort.Parse(text));

    [Theory]
    [InlineData(null)]
    [InlineData("a")]
    [InlineData("a:")]
    [InlineData(":1")]
    [InlineData("a:0")]
    [InlineData("a:65536")]
    [InlineData("a b:1")]
    public void Other_texts_are_no_addresses(string? text) => Assert.False(HostAndPort.TryParse(text, out _));

    private static RemotingCommand Request() => RemotingCommand.Request(RequestCodes.HeartBeat);

    private RemotingClient NewClient(RemotingOptions options) => new(options, _time, NullLogger.Instance);
}

using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Clients;

/// <summary>The completion of a queue's pulls is used again and again; none may hear of another one's.</summary>
public sealed class PullCallTests : IAsyncLifetime
{
    private static readonly MessageQueue Queue = new("T", "b", 3);

    private readonly ScriptedPeer _peer = new() { OnRequest = AnswerAsync };
    private readonly FakeTimeProvider _time = new();
    private readonly RemotingClient _remoting;
    private readonly BrokerClient _brokers;

    public PullCallTests()
    {
        _remoting = new RemotingClient(new RemotingOptions { SendBufferLimit = 1024 * 1024 }, _time, NullLogger.Instance);
        _brokers = new BrokerClient(_remoting);
    }

    // The first one opens the connection, like any other request; those behind it are what is tested here.
    public async Task InitializeAsync() => await PullAsync(0).InTime();

    public async Task DisposeAsync()
    {
        await _remoting.DisposeAsync();
        await _peer.DisposeAsync();
    }

    [Fact]
    public async Task Every_pull_gets_its_own_answer_one_after_the_other_and_all_at_once()
    {
        for (var offset = 0L; offset < 100; offset++)
        {
            Assert.Equal(offset + 1, (await PullAsync(offset).InTime()).NextBeginOffset);
        }

        var together = await Task.WhenAll(Enumerable.Range(0, 100).Select(offset => PullAsync(offset).AsTask())).InTime();
        Assert.Equal(Enumerable.Range(1, 100).Select(next => (long)next), together.Select(result => result.NextBeginOffset));
    }

    [Fact]
    public async Task No_pull_hears_of_another_whatever_is_given_up_answered_late_or_timed_out_meanwhile()
    {
        var random = new Random(17);
        _peer.OnRequest = (peer, request) =>
        {
            _ = AnswerLaterAsync(peer, request, random.Next(4));
            return Task.CompletedTask;
        };
        var given = new Random(4711);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(line => Task.Run(async () =>
        {
            var queue = Queue with { QueueId = line };
            for (var offset = 0L; offset < 300; offset++)
            {
                int kind;
                lock (given)
                {
                    kind = given.Next(6);
                }

                using var giveUp = new CancellationTokenSource();
                var pull = _brokers.PullAsync(_peer.Address, new PullRequest("g", queue, offset), TimeSpan.FromSeconds(60), giveUp.Token).AsTask();
                if (kind == 0)
                {
                    await giveUp.CancelAsync();
                }
                else if (kind == 1)
                {
                    _ = Task.Run(giveUp.CancelAsync);
                }

                try
                {
                    Assert.Equal(offset + 1, (await pull.InTime()).NextBeginOffset);
                }
                catch (OperationCanceledException)
                {
                    Assert.True(kind <= 1);
                }
            }
        })));
    }

    [Fact]
    public async Task A_pull_that_is_given_up_ends_at_once_and_its_late_answer_is_nobodys()
    {
        var first = Hold();
        using var giveUp = new CancellationTokenSource();
        var pull = PullAsync(7, giveUp.Token).AsTask();
        var asked = await first();
        await giveUp.CancelAsync();
        Assert.Equal(giveUp.Token, (await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pull.InTime())).CancellationToken);

        var next = PullAsync(8).AsTask();
        await Eventually.Holds(() => _peer.Received.Last()["queueOffset"] == "8");
        await AnswerAsync(_peer.Connections.First(), asked);
        await AnswerAsync(_peer.Connections.First(), _peer.Received.Last());
        Assert.Equal(9, (await next.InTime()).NextBeginOffset);
    }

    [Fact]
    public async Task A_pull_whose_token_is_cancelled_is_not_sent()
    {
        var before = _peer.Received.Count;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => PullAsync(7, new CancellationToken(canceled: true)).InTime());
        await PullAsync(8).InTime();
        Assert.Equal(before + 1, _peer.Received.Count);
    }

    [Fact]
    public async Task A_pull_without_an_answer_times_out_and_the_next_one_goes_over_a_new_connection()
    {
        var first = Hold();
        var pull = PullAsync(7).AsTask();
        await first();
        _peer.OnRequest = AnswerAsync;
        _time.Advance(TimeSpan.FromSeconds(29));
        Assert.False(pull.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(1.2));
        var late = await Assert.ThrowsAsync<RocketMQTimeoutException>(() => pull.InTime());
        Assert.Contains($"did not answer request {RequestCodes.NameOf(RequestCodes.PullMessage)} within 30000 ms", late.Message, StringComparison.Ordinal);
        Assert.Equal(9, (await PullAsync(8).InTime()).NextBeginOffset);
        Assert.Equal(2, _peer.Connections.Count);
    }

    [Fact]
    public async Task Pulls_of_a_connection_that_ends_fail_and_the_next_ones_go_over_a_new_one()
    {
        var first = Hold();
        var pulls = Enumerable.Range(0, 3).Select(offset => PullAsync(offset).AsTask()).ToList();
        await first();
        _peer.OnRequest = AnswerAsync;
        _peer.Connections.First().Close();
        foreach (var pull in pulls)
        {
            await Assert.ThrowsAsync<RocketMQNetworkException>(() => pull.InTime());
        }

        Assert.Equal(9, (await PullAsync(8).InTime()).NextBeginOffset);
    }

    [Fact]
    public async Task After_GO_AWAY_a_pull_goes_once_more_over_a_new_connection_and_a_second_one_is_the_answer()
    {
        _peer.OnRequest = (peer, request) => _peer.Connections.Count == 1 ? peer.AnswerAsync(request, ResponseCodes.GoAway) : AnswerAsync(peer, request);
        Assert.Equal(8, (await PullAsync(7).InTime()).NextBeginOffset);
        Assert.Equal(2, _peer.Connections.Count);

        _peer.Received.Clear();
        _peer.OnRequest = (peer, request) => peer.AnswerAsync(request, ResponseCodes.GoAway, "bye");
        var refused = await Assert.ThrowsAsync<BrokerResponseException>(() => PullAsync(8).InTime());
        Assert.Equal((ResponseCodes.GoAway, "bye"), (refused.ResponseCode, refused.Remark));
        Assert.Equal(2, _peer.Received.Count);
    }

    [Fact]
    public async Task A_refusal_and_an_answer_without_a_number_are_the_errors_they_were()
    {
        _peer.OnRequest = (peer, request) => peer.AnswerAsync(request, ResponseCodes.FlowControl, "busy");
        var refused = await Assert.ThrowsAsync<BrokerResponseException>(() => PullAsync(7).InTime());
        Assert.Equal((RequestCodes.PullMessage, ResponseCodes.FlowControl, "busy", _peer.Address), (refused.RequestCode, refused.ResponseCode, refused.Remark, refused.Address));

        _peer.OnRequest = (peer, request) => peer.AnswerAsync(request, ResponseCodes.PullNotFound);
        var absent = await Assert.ThrowsAsync<RocketMQValidationException>(() => PullAsync(7).InTime());
        Assert.Contains("nextBeginOffset", absent.Message, StringComparison.Ordinal);

        _peer.OnRequest = (peer, request) => peer.SendAsync(Answer(request).Set("minOffset", "many"));
        await Assert.ThrowsAsync<RocketMQValidationException>(() => PullAsync(7).InTime());

        _peer.OnRequest = AnswerAsync;
        Assert.Equal(8, (await PullAsync(7).InTime()).NextBeginOffset);
    }

    [Fact]
    public async Task Who_blocks_where_a_pull_ended_holds_up_nobody_else_on_the_connection()
    {
        await Task.Run(async () =>
        {
            await PullAsync(7).ConfigureAwait(false);

            // On the receiving loop this would wait for itself.
            PullAsync(8).AsTask().GetAwaiter().GetResult();
        }).InTime();
    }

    [Fact]
    public async Task A_pull_that_finds_no_room_in_the_buffer_waits_for_it_and_gives_up_with_its_caller()
    {
        var stuck = new TaskCompletionSource();
        _peer.OnRequest = async (peer, request) =>
        {
            await stuck.Task;
            await (request.Code == RequestCodes.PullMessage ? AnswerAsync(peer, request) : peer.AnswerAsync(request));
        };
        var body = new byte[256 * 1024];
        var before = Enumerable.Range(0, 64)
            .Select(_ => _remoting.InvokeAsync(_peer.Address, RemotingCommand.Request(RequestCodes.SendMessageV2, body), TimeSpan.FromMinutes(5)))
            .ToList();
        using var giveUp = new CancellationTokenSource();
        var given = PullAsync(6, giveUp.Token).AsTask();
        var pull = PullAsync(7).AsTask();
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given.InTime());
        Assert.False(pull.IsCompleted);
        stuck.SetResult();
        Assert.Equal(8, (await pull.InTime()).NextBeginOffset);
        await Task.WhenAll(before).InTime();
        Assert.DoesNotContain(_peer.Received, request => request["queueOffset"] == "6");
    }

    [Fact]
    public async Task Short_pulls_count_among_the_many_that_may_wait_on_a_silent_server_and_no_more_when_they_have_ended()
    {
        Hold();
        var quick = TimeSpan.FromSeconds(3);
        var pulls = Enumerable.Range(0, 256).Select(offset => _brokers.PullAsync(_peer.Address, new PullRequest("g", Queue, offset), quick).AsTask()).ToList();
        await Eventually.Holds(() => _peer.Received.Count == 257);
        _time.Advance(TimeSpan.FromSeconds(0.6));
        await Assert.ThrowsAsync<RocketMQNetworkException>(() => PullAsync(7).InTime());
        Assert.True(_remoting.IsFailing(_peer.Address));

        foreach (var request in _peer.Received.Skip(1).ToList())
        {
            await AnswerAsync(_peer.Connections.First(), request);
        }

        await Task.WhenAll(pulls).InTime();
        _peer.OnRequest = AnswerAsync;
        _time.Advance(TimeSpan.FromSeconds(0.6));
        Assert.False(_remoting.IsFailing(_peer.Address));
        Assert.Equal(8, (await PullAsync(7).InTime()).NextBeginOffset);
    }

    [Fact]
    public async Task Who_awaits_a_pull_goes_on_in_his_own_context()
    {
        var local = new AsyncLocal<int>();
        var results = await Task.WhenAll(Enumerable.Range(0, 20).Select(number => Task.Run(async () =>
        {
            local.Value = number;
            await PullAsync(number).ConfigureAwait(false);
            return local.Value;
        }))).InTime();
        Assert.Equal(Enumerable.Range(0, 20), results);
    }

    [Theory]
    [InlineData(10_000)]
    [InlineData(300_000)]
    [InlineData(3_000_000)]
    public async Task Bodies_come_whole_in_whatever_pieces_they_come(int length)
    {
        var random = new Random(length);
        var bodies = Enumerable.Range(0, 6).Select(n => RandomBody(random, length + n)).ToArray();
        _peer.OnRequest = async (peer, request) =>
        {
            var frame = Frames.Encode(Answer(request, bodies[request.GetInt64("queueOffset")]));
            for (var at = 0; at < frame.Length;)
            {
                var piece = Math.Min(frame.Length - at, random.Next(4) == 0 ? random.Next(1, 400) : random.Next(1, 100_000));
                await peer.SendRawAsync(frame[at..(at + piece)]);
                at += piece;
                await Task.Yield();
            }
        };
        var results = await Task.WhenAll(Enumerable.Range(0, bodies.Length).Select(offset => PullAsync(offset).AsTask())).InTime();
        foreach (var (result, body) in results.Zip(bodies))
        {
            Assert.True(result.Records.Span.SequenceEqual(body));
        }
    }

    [Fact]
    public async Task A_connection_that_ends_within_a_body_fails_the_pull()
    {
        _peer.OnRequest = async (peer, request) =>
        {
            await peer.SendRawAsync(Frames.Encode(Answer(request, new byte[100_000]))[..50_000]);
            peer.Close();
        };
        var torn = await Assert.ThrowsAnyAsync<RocketMQException>(() => PullAsync(7).InTime());
        Assert.True(torn is FrameFormatException or RocketMQNetworkException, torn.ToString());
        _peer.OnRequest = AnswerAsync;
        Assert.Equal(9, (await PullAsync(8).InTime()).NextBeginOffset);
    }

    [Fact]
    public async Task A_pull_whose_answer_stops_within_its_body_times_out_and_so_does_the_connection_when_nothing_more_comes()
    {
        var asks = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _peer.OnRequest = async (peer, request) =>
        {
            await asks.Task;
            await peer.SendRawAsync(Frames.Encode(Answer(request, new byte[100_000]))[..50_000]);
        };
        var stopped = PullAsync(7).AsTask();
        await Eventually.Holds(() => _peer.Received.Last()["queueOffset"] == "7");
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.NotEmpty(_remoting.WaitingInSilence(TimeSpan.FromSeconds(1)));
        asks.SetResult();

        // Or it would be a connection that brings nothing, which its first time-out ends.
        await Eventually.Holds(() => !_remoting.WaitingInSilence(TimeSpan.FromSeconds(1)).Any());
        _time.Advance(TimeSpan.FromSeconds(31));
        await Assert.ThrowsAsync<RocketMQTimeoutException>(() => stopped.InTime());

        _peer.OnRequest = (_, _) => Task.CompletedTask;
        using var giveUp = new CancellationTokenSource();
        var given = PullAsync(8, giveUp.Token).AsTask();
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given.InTime());
        var silent = PullAsync(9).AsTask();
        await Eventually.Holds(() => _peer.Received.Last()["queueOffset"] == "9");
        _time.Advance(TimeSpan.FromSeconds(31));
        await Assert.ThrowsAsync<RocketMQTimeoutException>(() => silent.InTime());
        _peer.OnRequest = AnswerAsync;
        Assert.Equal(11, (await PullAsync(10).InTime()).NextBeginOffset);
        Assert.Equal(2, _peer.Connections.Count);
    }

    private static byte[] RandomBody(Random random, int length)
    {
        var body = new byte[length];
        random.NextBytes(body);
        return body;
    }

    private static RemotingCommand Answer(RemotingCommand request, byte[]? body = null) => RemotingCommand
        .Response(request, body is null ? ResponseCodes.PullNotFound : ResponseCodes.Success, body: body)
        .Set("nextBeginOffset", request.GetInt64("queueOffset") + 1).Set("minOffset", 0).Set("maxOffset", 1_000).Set("suggestWhichBrokerId", 0);

    private static Task AnswerAsync(PeerConnection peer, RemotingCommand request) => peer.SendAsync(Answer(request));

    private static async Task AnswerLaterAsync(PeerConnection peer, RemotingCommand request, int turns)
    {
        for (var turn = 0; turn < turns; turn++)
        {
            await Task.Yield();
        }

        await AnswerAsync(peer, request);
    }

    private ValueTask<PullResult> PullAsync(long offset, CancellationToken cancellationToken = default)
        => _brokers.PullAsync(_peer.Address, new PullRequest("g", Queue, offset), timeout: null, cancellationToken);

    /// <summary>Requests stay unanswered; the function waits for the next one.</summary>
    private Func<Task<RemotingCommand>> Hold()
    {
        var before = _peer.Received.Count;
        _peer.OnRequest = (_, _) => Task.CompletedTask;
        return async () =>
        {
            await Eventually.Holds(() => _peer.Received.Count > before);
            return _peer.Received.Last();
        };
    }
}

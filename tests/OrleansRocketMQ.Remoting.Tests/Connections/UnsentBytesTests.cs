using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Connections;

/// <summary>The other side takes nothing, and callers go on asking.</summary>
[Collection(MemoryCollection.Name)]
public sealed class UnsentBytesTests : IAsyncLifetime
{
    private const int Requests = 600;
    private const int Limit = 8 * (int)Memory.MiB;

    private readonly ScriptedPeer _peer = new();
    private readonly FakeTimeProvider _time = new();
    private readonly TaskCompletionSource _stuck = new();
    private readonly byte[] _body = new byte[256 * 1024];
    private readonly RemotingClient _client;

    public UnsentBytesTests() => _client = new RemotingClient(new RemotingOptions { SendBufferLimit = Limit }, _time, NullLogger.Instance);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        _stuck.TrySetResult();
        await _client.DisposeAsync();
        await _peer.DisposeAsync();
    }

    [Fact]
    public async Task Requests_hold_no_more_unsent_bytes_than_the_limit_and_give_them_back_when_the_connection_ends()
    {
        await ConnectThenTakeNothingAsync();
        var before = Memory.Live();
        var answers = Enumerable.Range(0, Requests).Select(_ => _client.InvokeAsync(_peer.Address, Big())).ToList();
        var held = Memory.Live() - before;
        Assert.True(held < 2 * Limit, $"{Requests} requests hold {held / Memory.MiB} MiB");
        await AllFailAsync(answers);
        Assert.All(answers, answer => Assert.IsType<RocketMQTimeoutException>(answer.Exception!.InnerException));
        answers.Clear();
        await Eventually.Holds(() => _peer.Connections.Count == 1);
        await Eventually.Holds(() => Memory.Live() - before < Memory.OfPools);
    }

    [Fact]
    public async Task Requests_that_nobody_answers_hold_no_more_unsent_bytes_than_the_limit()
    {
        await ConnectThenTakeNothingAsync();
        var before = Memory.Live();
        var sends = Enumerable.Range(0, Requests).Select(_ => _client.SendOneWayAsync(_peer.Address, Big(oneWay: true)).AsTask()).ToList();
        var held = Memory.Live() - before;
        Assert.True(held < 2 * Limit, $"{Requests} requests hold {held / Memory.MiB} MiB");
        await AllEndAsync(sends);
        Assert.IsType<RocketMQTimeoutException>(sends[^1].Exception!.InnerException);
    }

    [Fact]
    public async Task More_than_the_limit_is_sent_as_soon_as_the_other_side_takes_it()
    {
        await ConnectThenTakeNothingAsync();
        var answers = Enumerable.Range(0, 100).Select(_ => _client.InvokeAsync(_peer.Address, Big())).ToList();
        _stuck.SetResult();
        Assert.All(await Task.WhenAll(answers).InTime(), answer => Assert.Equal(ResponseCodes.Success, answer.Code));
    }

    [Fact]
    public async Task A_request_that_waits_for_room_ends_when_its_caller_gives_up()
    {
        await ConnectThenTakeNothingAsync();
        var first = Enumerable.Range(0, 100).Select(_ => _client.InvokeAsync(_peer.Address, Big())).ToList();
        using var giveUp = new CancellationTokenSource();
        var waiting = _client.InvokeAsync(_peer.Address, Big(), timeout: null, giveUp.Token);
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.InTime());
        await AllFailAsync(first);
    }

    [Fact]
    public async Task A_connection_whose_other_side_talks_but_takes_nothing_is_replaced()
    {
        var dumb = await ConnectThenTakeNothingAsync();
        var answers = Enumerable.Range(0, 100).Select(_ => _client.InvokeAsync(_peer.Address, Big())).ToList();
        var told = 0;
        _client.Handle(RequestCodes.NotifyConsumerIdsChanged, (_, _) =>
        {
            Interlocked.Increment(ref told);
            return new((RemotingCommand?)null);
        });
        for (var round = 1; round <= 3; round++)
        {
            await dumb.SendAsync(RemotingCommand.Request(RequestCodes.NotifyConsumerIdsChanged, oneWay: true));
            await Eventually.Holds(() => Volatile.Read(ref told) == round);
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        await AllFailAsync(answers);
        Assert.Equal(ResponseCodes.Success, (await _client.InvokeAsync(_peer.Address, RemotingCommand.Request(RequestCodes.HeartBeat)).InTime()).Code);
        Assert.Equal(2, _peer.Connections.Count);
    }

    private RemotingCommand Big(bool oneWay = false) => RemotingCommand.Request(RequestCodes.SendMessageV2, _body, oneWay);

    private async Task<PeerConnection> ConnectThenTakeNothingAsync()
    {
        _peer.OnRequest = (peer, request) => peer.AnswerAsync(request);
        await _client.InvokeAsync(_peer.Address, RemotingCommand.Request(RequestCodes.HeartBeat)).InTime();
        var first = _peer.Connections.First();
        _peer.OnRequest = async (peer, request) =>
        {
            await (peer == first ? _stuck.Task : Task.CompletedTask);
            await peer.AnswerAsync(request);
        };
        return first;
    }

    private async Task AllFailAsync(List<Task<RemotingCommand>> answers)
    {
        await AllEndAsync(answers);
        Assert.All(answers, answer => Assert.True(answer.IsFaulted));
    }

    private Task AllEndAsync<T>(List<T> tasks)
        where T : Task => Eventually.Holds(() =>
        {
            _time.Advance(TimeSpan.FromMilliseconds(200));
            return tasks.TrueForAll(task => task.IsCompleted);
        });
}

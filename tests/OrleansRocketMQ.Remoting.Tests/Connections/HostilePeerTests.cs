using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Connections;

/// <summary>A peer that sends what nobody asked for, or what was asked for in a way nobody wants, does no harm to other requests.</summary>
public sealed class HostilePeerTests : IAsyncLifetime
{
    private readonly ScriptedPeer _peer = new();
    private readonly RemotingClient _client = new(new RemotingOptions(), new FakeTimeProvider(), NullLogger.Instance);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _client.DisposeAsync();
        await _peer.DisposeAsync();
    }

    [Fact]
    public async Task Answers_nobody_asked_for_take_no_other_answers_place()
    {
        const int Unasked = 5000;
        _peer.OnRequest = async (connection, request) =>
        {
            for (var opaque = 1; opaque <= Unasked; opaque++)
            {
                await connection.SendAsync(Answer(request.Opaque + opaque, "unasked"));
            }

            await connection.SendAsync(Answer(request.Opaque, request["n"]!));
        };

        // The numbers of requests that are still to come are among those the peer has used up.
        for (var n = 0; n < 5; n++)
        {
            Assert.Equal($"{n}", (await AskAsync(n)).Remark);
        }

        Assert.Single(_peer.Connections);
    }

    [Fact]
    public async Task An_answer_that_comes_twice_counts_once()
    {
        _peer.OnRequest = async (connection, request) =>
        {
            await connection.SendAsync(Answer(request.Opaque, request["n"]!));
            await connection.SendAsync(Answer(request.Opaque, "once more"));
        };

        for (var round = 0; round < 20; round++)
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(AskAsync));

            Assert.Equal(Enumerable.Range(0, 20).Select(n => $"{n}"), answers.Select(answer => answer.Remark));
        }

        Assert.Single(_peer.Connections);
    }

    [Fact]
    public async Task An_answer_that_comes_byte_by_byte_is_taken_and_another_peer_is_not_waited_with()
    {
        await using var other = ScriptedPeer.Answering(request => RemotingCommand.Response(request, ResponseCodes.Success));
        var half = new TaskCompletionSource();
        var rest = new TaskCompletionSource();
        _peer.OnRequest = async (connection, request) =>
        {
            var frame = Frames.Encode(Answer(request.Opaque, "slow"));
            for (var at = 0; at < frame.Length; at++)
            {
                if (at == frame.Length / 2)
                {
                    half.SetResult();
                    await rest.Task;
                }

                await connection.SendRawAsync(frame[at..(at + 1)]);
            }
        };

        var slow = AskAsync(0);
        await half.Task.WaitAsync(Eventually.Deadline);
        await _client.InvokeAsync(other.Address, Request(0)).InTime();
        Assert.False(slow.IsCompleted);
        rest.SetResult();

        Assert.Equal("slow", (await slow).Remark);
    }

    [Fact]
    public async Task Requests_that_no_client_knows_are_refused_one_by_one_and_answers_go_on()
    {
        const int Unknown = 1000;
        _peer.OnRequest = async (connection, request) =>
        {
            for (var number = 0; number < Unknown; number++)
            {
                await connection.SendAsync(RemotingCommand.Request(29_999));
            }

            await connection.SendAsync(Answer(request.Opaque, request["n"]!));
        };

        Assert.Equal("7", (await AskAsync(7)).Remark);
        var connection = Assert.Single(_peer.Connections);
        await Eventually.Holds(() => connection.Responses.Count == Unknown);
        Assert.All(connection.Responses, answer => Assert.Equal(ResponseCodes.RequestCodeNotSupported, answer.Code));
    }

    private Task<RemotingCommand> AskAsync(int n) => _client.InvokeAsync(_peer.Address, Request(n)).InTime();

    private static RemotingCommand Request(int n) => RemotingCommand.Request(RequestCodes.HeartBeat).Set("n", n);

    private static RemotingCommand Answer(int opaque, string remark)
        => RemotingCommand.Response(new RemotingCommand { Opaque = opaque }, ResponseCodes.Success, remark);
}

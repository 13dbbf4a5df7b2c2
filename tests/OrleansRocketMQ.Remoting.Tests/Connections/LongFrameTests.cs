using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Connections;

/// <summary>Answers longer than the limit fail alone, and take neither memory nor time of others.</summary>
public sealed class LongFrameTests : IAsyncLifetime
{
    private const int Limit = 1024 * 1024;

    private readonly ScriptedPeer _peer = new();
    private readonly FakeTimeProvider _time = new();
    private readonly RemotingClient _client;

    public LongFrameTests() => _client = new(new RemotingOptions { MaxFrameLength = Limit }, _time, NullLogger.Instance);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _client.DisposeAsync();
        await _peer.DisposeAsync();
    }

    [Theory]
    [InlineData(Limit)]
    [InlineData(3 * Limit)]
    public async Task An_answer_above_the_limit_fails_its_request_with_the_settings_name_and_the_connection_goes_on(int length)
    {
        _peer.OnRequest = (connection, request) => connection.AnswerAsync(request, body: request.Code == RequestCodes.PullMessage ? new byte[length] : [7]);
        var beside = _client.InvokeAsync(_peer.Address, RemotingCommand.Request(RequestCodes.HeartBeat));

        var error = await Assert.ThrowsAnyAsync<RocketMQException>(() => _client.InvokeAsync(_peer.Address, RemotingCommand.Request(RequestCodes.PullMessage)).InTime());
        var next = await _client.InvokeAsync(_peer.Address, RemotingCommand.Request(RequestCodes.HeartBeat)).InTime();

        Assert.Contains("RocketMQ:MaxFrameLength", error.Message, StringComparison.Ordinal);
        Assert.Contains(_peer.Address, error.Message, StringComparison.Ordinal);
        Assert.Equal([7], next.Body.ToArray());
        Assert.Equal([7], (await beside.InTime()).Body.ToArray());
        Assert.Single(_peer.Connections);
    }

    [Fact]
    public async Task One_that_does_not_come_to_an_end_closes_the_connection_when_its_time_is_over()
    {
        var answer = _client.InvokeAsync(_peer.Address, RemotingCommand.Request(RequestCodes.PullMessage), TimeSpan.FromSeconds(3));
        await Eventually.Holds(() => !_peer.Received.IsEmpty);
        var connection = _peer.Connections.First();
        var whole = Frames.Encode(RemotingCommand.Response(_peer.Received.First(), ResponseCodes.Success, body: new byte[2 * Limit]));
        await connection.SendRawAsync(whole[..Limit]);
        await Assert.ThrowsAnyAsync<RocketMQException>(() => answer.InTime());
        Assert.False(connection.ClosedByOther);

        _time.Advance(TimeSpan.FromSeconds(4));

        await Eventually.Holds(() => connection.ClosedByOther);
    }
}

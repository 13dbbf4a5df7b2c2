using System.Net;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Producing;

/// <summary>A broker asks a group how a transaction ended; unanswered, it rolls the message back after some rounds.</summary>
public sealed class TransactionCheckTests : IAsyncLifetime
{
    private readonly FakeCluster _cluster = new();
    private readonly TestLog _log = new();
    private readonly ScriptedPeer _broker;

    public TransactionCheckTests() => _broker = _cluster.AddBroker();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    [Theory]
    [InlineData(null, "p", "T")]
    [InlineData("tenant", "tenant%p", "tenant%T")]
    public async Task A_check_is_answered_in_any_namespace_and_shows_the_names_without_it(string? name, string wireGroup, string wireTopic)
    {
        await using var client = NewClient(name);
        var asked = new TaskCompletionSource<MessageExt>();
        await using var producer = new Producer(client, Checking(half =>
        {
            asked.TrySetResult(half);
            return TransactionState.Committed;
        }), _log);
        await AskAsync(client, wireGroup, wireTopic);
        Assert.Equal("T", (await asked.Task.InTime()).Topic);
        Assert.Equal((wireGroup, "8"), await AnswerAsync());
    }

    [Fact]
    public async Task A_check_is_answered_after_another_producer_of_the_group_has_left()
    {
        await using var client = NewClient();
        var options = Checking(static _ => TransactionState.Committed);
        await using var stays = new Producer(client, options, _log);
        await using (new Producer(client, options, _log))
        {
        }

        await AskAsync(client, "p", "T");
        Assert.Equal(("p", "8"), await AnswerAsync());
    }

    [Theory]
    [InlineData(TransactionState.Committed, TransactionState.None, "8")]
    [InlineData(TransactionState.None, TransactionState.RolledBack, "12")]
    [InlineData(TransactionState.None, TransactionState.None, "0")]
    public async Task A_check_is_answered_by_the_producer_of_the_group_that_knows_the_transaction(TransactionState first, TransactionState second, string answer)
    {
        await using var client = NewClient();
        await using var one = new Producer(client, Checking(_ => first), _log);
        await using var other = new Producer(client, Checking(_ => second), _log);
        await AskAsync(client, "p", "T");
        Assert.Equal(("p", answer), await AnswerAsync());
    }

    private static ProducerOptions Checking(Func<MessageExt, TransactionState> check)
        => new() { Group = "p", CheckTransaction = (half, _) => new(check(half)) };

    private RocketMQClient NewClient(string? name = null)
    {
        var options = _cluster.ClientOptions();
        return new(options with { Remoting = options.Remoting with { Namespace = name } }, _log);
    }

    private async Task AskAsync(RocketMQClient client, string wireGroup, string wireTopic)
    {
        await client.Remoting.InvokeAsync(_broker.Address, RemotingCommand.Request(RequestCodes.HeartBeat)).InTime();
        var host = new IPEndPoint(IPAddress.Loopback, 1);
        var half = new StoredMessage { Topic = wireTopic, Body = new byte[] { 1 }, BornHost = host, StoreHost = host, Properties = $"PGROUP\u0001{wireGroup}\u0002" }.Encode();
        await _broker.Connections.First().SendAsync(RemotingCommand.Request(RequestCodes.CheckTransactionState, half, oneWay: true)
            .Set("topic", wireTopic).Set("commitLogOffset", 5).Set("tranStateTableOffset", 7).Set("transactionId", "x"));
    }

    private async Task<(string? Group, string? State)> AnswerAsync()
    {
        await Eventually.Holds(() => _broker.ReceivedOf(RequestCodes.EndTransaction).Any());
        var end = _broker.ReceivedOf(RequestCodes.EndTransaction).First();
        return (end["producerGroup"], end["commitOrRollback"]);
    }
}

using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

public class TransactionTests
{
    [Fact]
    public async Task A_half_message_is_seen_when_it_is_committed()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();

        var half = await SendHalfAsync(client, "orders", "x", queueId: 3);
        Assert.Equal("3", half["queueId"]);
        Assert.Empty(test.Broker.Messages("orders"));

        (await EndAsync(client, half, MessageSysFlag.TransactionCommit)).Succeeded();

        var committed = test.Broker.Messages("orders").Single();
        Assert.Equal(3, committed.QueueId);
        Assert.Equal("x", committed.Text());
        Assert.Equal(MessageSysFlag.TransactionCommit, committed.SysFlag);
        Assert.Equal(TransactionState.Committed, committed.TransactionState);
        Assert.Equal(OffsetMessageId.Parse(half["msgId"]).CommitLogOffset, committed.PreparedTransactionOffset);
        Assert.Equal("K", committed.TransactionId);
        Assert.Equal("K", committed.GetProperty("__transactionId__"));
        Assert.Equal("orders", committed.GetProperty("REAL_TOPIC"));
        Assert.Equal("3", committed.GetProperty("REAL_QID"));
    }

    [Fact]
    public async Task A_half_message_is_never_seen_when_it_is_rolled_back()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        var half = await SendHalfAsync(client, "orders", "x");

        (await EndAsync(client, half, MessageSysFlag.TransactionRollback)).Succeeded();

        test.Time.Advance(TimeSpan.FromMinutes(5));
        Assert.Empty(test.Broker.Messages("orders"));
        Assert.DoesNotContain(client.Received, request => request.Code == RequestCodes.CheckTransactionState);
    }

    [Fact]
    public async Task Another_producers_verdict_does_not_count()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        var half = await SendHalfAsync(client, "orders", "x");

        var refused = (await EndAsync(client, half, MessageSysFlag.TransactionCommit, group: "somebody_else")).FailedWith(ResponseCodes.SystemError);

        Assert.Equal("The producer group wrong", refused.Remark);
        Assert.Empty(test.Broker.Messages("orders"));
    }

    [Fact]
    public async Task The_producer_is_asked_about_a_transaction_that_stays_open()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        await client.HeartbeatAsProducerAsync("test_producer");
        var half = await SendHalfAsync(client, "orders", "x", queueId: 1);

        test.Time.Advance(TimeSpan.FromSeconds(30));
        await Eventually.TrueAsync(() => client.Received.Any(request => request.Code == RequestCodes.CheckTransactionState));

        var question = client.Received.First(request => request.Code == RequestCodes.CheckTransactionState);
        Assert.True(question.IsOneWay);
        Assert.Equal("K", question["transactionId"]);
        Assert.Equal(half["msgId"], question["offsetMsgId"]);
        var asked = MessageDecoder.DecodeAll(question.Body).Single();
        Assert.Equal(("orders", 1, "x"), (asked.Topic, asked.QueueId, asked.Text()));

        (await EndAsync(client, half, MessageSysFlag.TransactionCommit)).Succeeded();
        Assert.Single(test.Broker.Messages("orders"));
        test.Time.Advance(TimeSpan.FromSeconds(60));
        Assert.Single(client.Received, request => request.Code == RequestCodes.CheckTransactionState);
    }

    [Fact]
    public async Task A_transaction_asked_about_too_often_is_given_up()
    {
        await using var test = await TestBroker.StartAsync(options => options with { TransactionCheckMax = 2 });
        var client = await test.ConnectAsync();
        await client.HeartbeatAsProducerAsync("test_producer");
        await SendHalfAsync(client, "orders", "x");

        for (var round = 0; round < 5; round++)
        {
            await client.HeartbeatAsProducerAsync("test_producer");
            test.Time.Advance(TimeSpan.FromSeconds(30));
        }

        await Eventually.TrueAsync(() => client.Received.Count(request => request.Code == RequestCodes.CheckTransactionState) == 2);
        Assert.Single(test.Broker.Messages("RMQ_SYS_TRANS_OP_HALF_TOPIC"));
    }

    internal static async Task<RemotingCommand> SendHalfAsync(TestClient client, string topic, string body, int queueId = 0)
        => (await client.SendAsync(
            topic, body, queueId: queueId, sysFlag: MessageSysFlag.TransactionPrepared,
            properties: [("TRAN_MSG", "true"), ("PGROUP", "test_producer"), ("UNIQ_KEY", "K")])).Succeeded();

    internal static Task<RemotingCommand> EndAsync(TestClient client, RemotingCommand half, int verdict, string group = "test_producer")
        => client.InvokeAsync(
            RequestCodes.EndTransaction,
            ("producerGroup", group), ("tranStateTableOffset", half["queueOffset"]), ("commitLogOffset", OffsetMessageId.Parse(half["msgId"]).CommitLogOffset),
            ("commitOrRollback", verdict), ("fromTransactionCheck", false), ("msgId", "K"), ("transactionId", "K"));
}

using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

/// <summary>Messages that wait for their time are taken back. What a real broker does the same is in the conformance tests.</summary>
public sealed class RecallTests
{
    [Fact]
    public async Task A_message_stays_taken_back_after_a_restart_of_the_broker()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        var handle = (await client.SendAsync("orders", "x", properties: [("UNIQ_KEY", "K"), ("TIMER_DELAY_SEC", "5")])).Succeeded()["recallHandle"]!;
        var answer = (await client.InvokeAsync(Recall("orders", handle))).Succeeded();
        Assert.Equal("K", answer["msgId"]);

        await test.Broker.StopAsync();
        await test.Broker.StartAsync();
        test.Time.Advance(TimeSpan.FromSeconds(7));

        Assert.Empty(test.Broker.Messages("orders"));
    }

    [Fact]
    public async Task It_can_be_switched_off()
    {
        await using var test = await TestBroker.StartAsync(options => options with { RecallMessageEnable = false });
        var client = await test.ConnectAsync();
        var handle = (await client.SendAsync("orders", "x", properties: [("TIMER_DELAY_SEC", "5")])).Succeeded()["recallHandle"]!;

        Assert.Equal("recall failed, operation is forbidden", (await client.InvokeAsync(Recall("orders", handle))).FailedWith(ResponseCodes.NoPermission).Remark);
    }

    [Fact]
    public async Task What_is_to_delete_a_message_of_the_past_is_refused()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();

        (await client.SendAsync("orders", "x", properties: [("TIMER_DELIVER_MS", "5"), ("TIMER_DEL_UNIQKEY", "K")])).FailedWith(ResponseCodes.MessageIllegal);
    }

    /// <summary>Base64 for URLs of what RecallMessageHandle joins; a real one is read in the conformance tests.</summary>
    [Fact]
    public void A_handle_is_written_as_RocketMQ_does()
    {
        const string Handle = "djEgb3JkZXJzIGJyb2tlci1hIDE3NjQ0OTYwMDAwMDEgN0YwMDAwMDE=";

        Assert.Equal(new("orders", "broker-a", "1764496000001", "7F000001"), RecallHandle.Parse(Handle));
        Assert.Equal(Handle, RecallHandle.Parse(Handle).ToString());
    }

    private static RemotingCommand Recall(string topic, string handle)
        => RemotingCommand.Request(RequestCodes.RecallMessage).Set("topic", topic).Set("recallHandle", handle).Set("producerGroup", "p");
}

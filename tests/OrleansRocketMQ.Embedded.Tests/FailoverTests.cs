using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

/// <summary>A slave takes its master's place.</summary>
public class FailoverTests
{
    [Fact]
    public async Task What_is_popped_stays_in_work_and_its_handles_hold_at_the_new_master()
    {
        var syncs = TimeSpan.FromSeconds(1);
        await using var test = await TestBroker.StartAsync(options => options with { Slaves = 1, SlaveSyncInterval = syncs });
        var member = await PopClient.ConnectAsync(test);
        foreach (var body in new[] { "a", "b", "c" })
        {
            await member.Client.SendAsync("orders", body);
        }

        var messages = await member.TakeAsync();
        Assert.Equal(3, messages.Count);

        // Where the slave has not heard how far the group is, everything would be popped again.
        test.Time.Advance(syncs + syncs);
        await test.Broker.FailOverAsync(test.Broker.Slaves[0]);
        var other = await PopClient.ConnectAsync(test);
        (await other.AckAsync(messages[0])).Succeeded();
        Assert.Empty(await other.TakeAsync());
        test.Time.Advance(PopClient.Invisible + TimeSpan.FromSeconds(1));

        var again = new List<MessageExt>();
        while (await other.TakeAsync() is { Count: > 0 } more)
        {
            again.AddRange(more);
        }

        Assert.Equal(messages.Skip(1).Select(message => message.Text()).Order(), again.Select(message => message.Text()).Order());
    }

    [Fact]
    public async Task The_master_is_where_the_slave_was_and_the_slave_where_the_master_was()
    {
        await using var test = await TestBroker.StartAsync(options => options with { Slaves = 1 });
        var slave = Assert.Single(test.Broker.Slaves);
        var old = await test.ConnectAsync();
        await old.SendAsync("orders", "one");
        var (masterAt, slaveAt) = (test.Broker.Address, slave.Address);

        await test.Broker.FailOverAsync(slave);

        Assert.Equal((slaveAt, masterAt), (test.Broker.Address, slave.Address));
        (await old.PullAsync("g", "orders", 0)).FailedWith(ResponseCodes.SystemBusy);
        var client = await test.ConnectAsync();
        await client.SendAsync("orders", "two");
        Assert.Equal(["one", "two"], test.Broker.Messages("orders").Select(message => message.Text()).Order());

        await slave.StopAsync();
        var refused = await Assert.ThrowsAsync<RocketMQException>(() => test.Broker.FailOverAsync(slave));
        Assert.Equal(RocketMQErrorCode.State, refused.Code);
        await slave.StartAsync();
        await test.Broker.FailOverAsync(slave);
        Assert.Equal((masterAt, slaveAt), (test.Broker.Address, slave.Address));
    }
}

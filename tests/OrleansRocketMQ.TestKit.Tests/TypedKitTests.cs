using OrleansRocketMQ.Hosting;

namespace OrleansRocketMQ.TestKit.Tests;

/// <summary>Values, and the reasons of dead letters.</summary>
public sealed class TypedKitTests
{
    [Fact]
    public async Task It_waits_for_the_values_that_a_listener_sends()
    {
        RocketMQTestKit? kit = null;
        kit = await RocketMQTestKit.StartAsync(rocketmq => rocketmq.AddConsumer("billing", consumer => consumer.Handle<Order>(
            "orders", (message, _, cancellationToken) => kit!.SendAsync("bills", new Bill(message.Value.Amount * 2), cancellationToken: cancellationToken))));
        await using var _ = kit;
        await kit.SendAsync("orders", new Order(1));
        await kit.SendAsync("orders", new Order(2));
        await kit.SendAsync("bills", "no bill");

        var bills = await kit.UntilSentAsync<Bill>("bills", count: 2);

        Assert.Equal([2, 4], bills.Select(bill => bill.Value.Total).Order());
        Assert.Equal(4, Assert.Single(await kit.UntilSentAsync<Bill>("bills", predicate: bill => bill.Total > 3)).Value.Total);
    }

    [Fact]
    public async Task Values_that_do_not_come_are_told_of()
    {
        await using var kit = await RocketMQTestKit.StartAsync();

        var late = await Assert.ThrowsAsync<TimeoutException>(() => kit.UntilSentAsync<Bill>("bills", deadline: TimeSpan.FromMilliseconds(50)));

        Assert.Equal("There were 0 of 1 values of Bill in topic 'bills' within 0.05 s.", late.Message);
    }

    [Fact]
    public async Task Dead_letters_have_the_reason_they_were_given_up_for()
    {
        await using var kit = await RocketMQTestKit.StartAsync(rocketmq => rocketmq.AddConsumer(
            "billing", consumer => consumer.Handle<Order>("orders", (_, _, _) => Task.CompletedTask)));
        await kit.SendAsync("orders", "no order");

        await kit.UntilConsumedAsync("billing");

        Assert.Contains("Order", Assert.Single(kit.DeadLettersWithReasons("billing")).Reason, StringComparison.Ordinal);
    }

    private sealed record Order(int Amount);

    private sealed record Bill(int Total);
}

using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Hosting;

namespace OrleansRocketMQ.TestKit.Tests;

/// <summary>Messages that wait for hours come as soon as a test says that the hours have passed, and not before.</summary>
public sealed class KitTimeTests
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    private readonly ConcurrentQueue<string> _calls = new();

    [Fact]
    public async Task A_listener_that_wants_its_message_again_in_an_hour_gets_it_each_time_the_clock_is_set_ahead_by_that()
    {
        await using var kit = await RocketMQTestKit.StartAsync(rocketmq => rocketmq.AddConsumer("billing", consumer => consumer.Handle<int>(
            "orders",
            (message, context, _) =>
            {
                _calls.Enqueue($"{message.Value}.{message.Raw.ReconsumeTimes}");
                if (message.Raw.ReconsumeTimes < 2)
                {
                    context.RetryAfter(Hour);
                }

                return Task.CompletedTask;
            })));
        await kit.SendAsync("orders", 7);

        await kit.UntilRetryWaitsAsync("billing");
        kit.Advance(Hour - TimeSpan.FromMinutes(1));
        await kit.UntilRetryWaitsAsync("billing");
        Assert.Equal(["7.0"], _calls);

        kit.Advance(TimeSpan.FromMinutes(1));
        await UntilCallsAsync(2);
        await kit.UntilRetryWaitsAsync("billing");
        Assert.Equal(["7.0", "7.1"], _calls);

        kit.Advance(Hour);
        await kit.UntilConsumedAsync("billing");
        Assert.Equal(["7.0", "7.1", "7.2"], _calls);
    }

    [Fact]
    public async Task Messages_with_a_time_of_delivery_and_with_long_delay_levels_come_in_the_order_of_their_times()
    {
        await using var kit = await RocketMQTestKit.StartAsync(
            rocketmq => rocketmq.AddConsumer("billing", consumer => consumer.Handle<string>("orders", (message, _, _) =>
            {
                _calls.Enqueue(message.Value);
                return Task.CompletedTask;
            })),
            new RocketMQTestKitOptions { Queues = 1, Embedded = new EmbeddedRocketMQOptions { MessageDelayLevels = "1s 1h" } });
        var late = kit.Producer.CreateMessage("orders", "in three hours");
        late.DeliverAt = kit.Time.GetUtcNow() + (3 * Hour);
        await kit.SendAsync(late);
        var soon = kit.Producer.CreateMessage("orders", "in one hour");
        soon.DelayLevel = 2;
        await kit.SendAsync(soon);
        await kit.UntilDelayedAsync("orders", count: 2);

        kit.Advance(2 * Hour);
        await UntilCallsAsync(1);
        await kit.UntilDelayedAsync("orders", count: 1);
        kit.Advance(2 * Hour);
        await kit.UntilConsumedAsync("billing");

        Assert.Equal(["in one hour", "in three hours"], _calls);
    }

    [Fact]
    public async Task Silos_have_the_clock_of_the_kit_and_go_on_consuming_after_it_was_set_ahead_by_days()
    {
        await using var kit = await RocketMQTestKit.StartAsync(
            rocketmq => rocketmq.AddConsumer("billing", consumer => consumer.Handle<int>("orders", (_, _, _) => Task.CompletedTask)),
            new RocketMQTestKitOptions { Silos = 2, Deadline = TimeSpan.FromMinutes(1) });
        var before = TimeProvider.System.GetUtcNow();
        kit.Advance(TimeSpan.FromDays(10));

        Assert.True(kit.Services.GetRequiredService<TimeProvider>().GetUtcNow() >= before.AddDays(10));
        Assert.True(kit.Time.GetUtcNow() >= before.AddDays(10));
        foreach (var number in Enumerable.Range(0, 20))
        {
            await kit.SendAsync("orders", number);
        }

        await kit.UntilConsumedAsync("billing");
        Assert.Equal(20, kit.Embedded.Brokers.Sum(broker => broker.Messages("orders").Count));
    }

    [Fact]
    public async Task What_waits_too_long_for_a_test_is_told_of_with_the_way_out()
    {
        await using var kit = await RocketMQTestKit.StartAsync(rocketmq => rocketmq.AddConsumer("billing", consumer => consumer.Handle<int>(
            "orders",
            (message, context, _) =>
            {
                context.RetryAfter(Hour);
                return Task.CompletedTask;
            })));
        await kit.SendAsync("orders", 1);
        await kit.UntilRetryWaitsAsync("billing");

        var late = await Assert.ThrowsAsync<TimeoutException>(() => kit.UntilConsumedAsync("billing", TimeSpan.FromMilliseconds(300)));
        Assert.Contains("RocketMQTestKit.Advance", late.Message, StringComparison.Ordinal);

        late = await Assert.ThrowsAsync<TimeoutException>(() => kit.UntilRetryWaitsAsync("billing", 2, TimeSpan.FromMilliseconds(50)));
        Assert.StartsWith("There were 1 of 2 messages that wait for their time to come to topic '%RETRY%billing'", late.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_clock_goes_only_ahead_and_only_where_the_broker_has_no_other()
    {
        await using var kit = await RocketMQTestKit.StartAsync();
        Assert.Throws<ArgumentOutOfRangeException>(() => kit.Advance(TimeSpan.Zero));

        await using var own = await RocketMQTestKit.StartAsync(
            options: new() { Embedded = new EmbeddedRocketMQOptions { TimeProvider = new OtherClock() } });
        var error = Assert.Throws<InvalidOperationException>(() => own.Advance(Hour));
        Assert.Contains("Embedded.TimeProvider", error.Message, StringComparison.Ordinal);
    }

    private async Task UntilCallsAsync(int count)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (_calls.Count < count)
        {
            await Task.Delay(10, deadline.Token);
        }
    }

    private sealed class OtherClock : TimeProvider;
}

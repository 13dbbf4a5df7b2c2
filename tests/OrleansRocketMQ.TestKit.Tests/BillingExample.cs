using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Concurrency;

namespace OrleansRocketMQ.TestKit.Tests;

/// <summary>What a team might want to test: a listener grain that calls another grain and a service.</summary>
[StatelessWorker]
public sealed class BillingListener(IPriceList prices) : Grain, IConcurrentListener
{
    public async ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        var customer = messages[0].Keys ?? throw new InvalidOperationException("An order without a customer.");
        var price = prices.PriceOf(Encoding.UTF8.GetString(messages[0].Body.Span));
        await GrainFactory.GetGrain<IAccount>(customer).ChargeAsync(price);
        return ConsumeResult.Success;
    }
}

/// <summary>A service of the application, which a test replaces.</summary>
public interface IPriceList
{
    int PriceOf(string article);
}

/// <summary>What the listener changes.</summary>
public interface IAccount : IGrainWithStringKey
{
    Task ChargeAsync(int amount);

    Task<int> BalanceAsync();
}

public sealed class Account : Grain, IAccount
{
    private int _balance;

    public Task ChargeAsync(int amount)
    {
        _balance += amount;
        return Task.CompletedTask;
    }

    public Task<int> BalanceAsync() => Task.FromResult(_balance);
}

/// <summary>How a team would test it.</summary>
public sealed class BillingExample
{
    [Fact]
    public async Task An_order_is_charged_to_its_customer()
    {
        await using var kit = await StartAsync(_ => 5);

        await kit.SendAsync("orders", "tea", tag: "created", key: "alice");
        await kit.SendAsync("orders", "coffee", tag: "created", key: "alice");
        await kit.SendAsync("orders", "tea", tag: "cancelled", key: "alice");
        await kit.UntilConsumedAsync("billing");

        Assert.Equal(10, await kit.Grains.GetGrain<IAccount>("alice").BalanceAsync());
        Assert.Empty(kit.DeadLetters("billing"));
    }

    [Fact]
    public async Task An_order_whose_price_is_not_there_yet_is_charged_when_it_is()
    {
        var asked = 0;
        await using var kit = await StartAsync(_ => Interlocked.Increment(ref asked) > 3 ? 5 : throw new InvalidOperationException("No price today."));

        await kit.SendAsync("orders", "tea", tag: "created", key: "bob");
        await kit.UntilConsumedAsync("billing");

        Assert.Equal(5, await kit.Grains.GetGrain<IAccount>("bob").BalanceAsync());
        Assert.Equal(4, asked);
    }

    [Fact]
    public async Task An_order_without_a_customer_ends_as_a_dead_letter_after_all_attempts()
    {
        var asked = 0;
        await using var kit = await StartAsync(_ => Interlocked.Increment(ref asked));

        await kit.SendAsync("orders", "tea", tag: "created");
        await kit.UntilConsumedAsync("billing");

        var letter = Assert.Single(kit.DeadLetters("billing"));
        Assert.Equal("tea", Encoding.UTF8.GetString(letter.Body.Span));
        Assert.Equal(0, asked);
    }

    private static Task<RocketMQTestKit> StartAsync(Func<string, int> price) => RocketMQTestKit.StartAsync(
        rocketmq => rocketmq.AddConsumer<BillingListener>("billing", consumer => consumer.Subscribe("orders", "created")),
        new() { ConfigureSilo = silo => silo.Services.AddSingleton<IPriceList>(new PriceList(price)) });

    private sealed class PriceList(Func<string, int> price) : IPriceList
    {
        public int PriceOf(string article) => price(article);
    }
}

using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Producing;

namespace OrleansRocketMQ.Docs.Snippets.Frameworks;

/// <summary>docs/migration-from-frameworks.md</summary>
internal static class FrameworkSnippets
{
    public static async Task HostAsync(string[] args)
    {
        var builder = Host.CreateApplicationBuilder(args);
        builder.UseOrleans(silo => silo
            .UseLocalhostClustering()
            .AddMemoryGrainStorageAsDefault() // Only for state grains, and only to try: it forgets with the process.
            .AddRocketMQ(rocketmq => rocketmq
                .UseNameServer("127.0.0.1:9876")
                .AddConsumer("billing", consumer => consumer
                    .Handle<OrderPlaced, OrderPlacedHandler>("orders")
                    .AddFilter<TenantFilter>()
                    .OnError<TimeoutException>(rule => rule.RetryHere(3).Then.RetryLater(TimeSpan.FromMinutes(5)))
                    .OnError<FormatException>(rule => rule.DeadLetter())
                    .Configure(options => options.CircuitBreaker = CircuitBreakerScope.Group))));
        builder.Services.AddScoped<IBilling, Billing>();
        builder.Services.AddSingleton(services => new Producer(
            new RocketMQClientOptions { NameServerAddresses = ["127.0.0.1:9876"], ClientId = $"127.0.0.1@shop#{Environment.ProcessId}" },
            new ProducerOptions { Group = "shop" },
            services.GetRequiredService<ILoggerFactory>()));
        await builder.Build().RunAsync();
    }

    public static void Declare(RocketMQBuilder rocketmq)
    {
        rocketmq.AddConsumer("billing", consumer => consumer.Handle<OrderPlaced, OrderPlacedHandler>("orders"));
    }
}

public sealed record OrderPlaced(string Id, decimal Amount);

public sealed record PaymentDue(string OrderId, decimal Amount);

public interface IBilling
{
    Task ChargeAsync(OrderPlaced order, CancellationToken cancellationToken);
}

internal sealed class Billing : IBilling
{
    public Task ChargeAsync(OrderPlaced order, CancellationToken cancellationToken) => Task.CompletedTask;
}

internal sealed class TenantFilter : IConsumeFilter
{
    public Task InvokeAsync(ConsumeCall call, Func<Task> next, CancellationToken cancellationToken) => next();
}

public sealed class OrderPlacedHandler(IBilling billing) : IMessageHandler<OrderPlaced>
{
    public Task HandleAsync(Message<OrderPlaced> message, MessageContext context, CancellationToken cancellationToken)
        => billing.ChargeAsync(message.Value, cancellationToken);
}

[GenerateSerializer]
public sealed class OrderState
{
    [Id(0)]
    public decimal Amount { get; set; }
}

[RocketMQListener("billing", "orders")]
public sealed class OrderSaga([PersistentState("order")] IPersistentState<MessageDrivenState<OrderState>> state)
    : KeyOrderedStateGrain<OrderState, OrderPlaced>(state)
{
    protected override ValueTask ApplyAsync(Message<OrderPlaced> message, ConsumeContext context, CancellationToken cancellationToken)
    {
        State.Amount = message.Value.Amount;
        Send("payments", new PaymentDue(message.Value.Id, message.Value.Amount), shardingKey: message.Value.Id);
        return ValueTask.CompletedTask;
    }
}

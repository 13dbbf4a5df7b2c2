using Orleans.Runtime;
using OrleansRocketMQ.Hosting;

namespace OrleansRocketMQ.Docs.Snippets.Frameworks;

/// <summary>docs/migration-from-frameworks.md</summary>
internal static class FrameworkSnippets
{
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

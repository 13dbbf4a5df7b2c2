using Orleans.Runtime;

namespace OrleansRocketMQ.Docs.Snippets.Effects;

/// <summary>docs/effects.md</summary>
internal static class EffectSnippets
{
    public static async Task RunAgainAsync(IConsumerGroupManagementGrain group)
    {
        await group.SeekAsync(ConsumerScope.OfTopic("orders"), SeekTarget.Begin with { EffectsAgain = true });
    }
}

public sealed record OrderPlaced(string Id, decimal Amount);

[GenerateSerializer]
public sealed class CustomerState
{
    [Id(0)]
    public decimal Spent { get; set; }
}

[GenerateSerializer]
public sealed class CheckoutState
{
    [Id(0)]
    public int Open { get; set; }
}

public sealed record PaymentDue(string OrderId, decimal Amount);

[RocketMQListener("checkout", "orders")]
public sealed class Checkout([PersistentState("checkout")] IPersistentState<MessageDrivenState<CheckoutState>> state)
    : KeyOrderedStateGrain<CheckoutState, OrderPlaced>(state)
{
    protected override ValueTask ApplyAsync(Message<OrderPlaced> message, ConsumeContext context, CancellationToken cancellationToken)
    {
        State.Open++;
        Send("payments", new PaymentDue(message.Value.Id, message.Value.Amount), shardingKey: message.Value.Id);
        return ValueTask.CompletedTask;
    }
}

public interface ICustomer : IGrainWithStringKey
{
    Task<decimal> GetSpentAsync();
}

[RocketMQListener("billing", "orders")]
public sealed class Customer([PersistentState("customer")] IPersistentState<MessageDrivenState<CustomerState>> state)
    : KeyOrderedStateGrain<CustomerState, OrderPlaced>(state), ICustomer
{
    public Task<decimal> GetSpentAsync() => Task.FromResult(State.Spent);

    protected override ValueTask ApplyAsync(Message<OrderPlaced> message, ConsumeContext context, CancellationToken cancellationToken)
    {
        State.Spent += message.Value.Amount;
        return ValueTask.CompletedTask;
    }
}

using Orleans;
using Orleans.Runtime;

namespace OrleansRocketMQ.Tests.Effects;

/// <summary>What a cashier says of a payment.</summary>
public sealed record Receipt(int Number);

/// <summary>Has the effect of a payment, and sends a receipt.</summary>
internal sealed class Cashier([PersistentState("till")] IPersistentState<MessageDrivenState<TillState>> state)
    : KeyOrderedStateGrain<TillState, Payment>(state)
{
    public const string Receipts = "receipts";

    protected override ValueTask ApplyAsync(Message<Payment> message, ConsumeContext context, CancellationToken cancellationToken)
    {
        State.Payments.Add(message.Value.Number);
        Send(Receipts, new Receipt(message.Value.Number), tag: "receipt", shardingKey: message.Raw.ShardingKey);
        return ValueTask.CompletedTask;
    }
}

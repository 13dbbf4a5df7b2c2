using Orleans;
using Orleans.Placement;
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
        for (var copy = 0; copy < TillScript.Of(context.Group).ReceiptsEach; copy++)
        {
            Send(Receipts, new Receipt(message.Value.Number), tag: "receipt", shardingKey: message.Raw.ShardingKey);
        }

        return ValueTask.CompletedTask;
    }
}

/// <summary>A cashier for each queue.</summary>
[PreferLocalPlacement]
internal sealed class QueueCashier([PersistentState("till")] IPersistentState<MessageDrivenState<TillState>> state)
    : OrderlyStateGrain<TillState, Payment>(state)
{
    protected override ValueTask ApplyAsync(Message<Payment> message, ConsumeOrderlyContext context, CancellationToken cancellationToken)
    {
        State.Payments.Add(message.Value.Number);
        for (var copy = 0; copy < TillScript.Of(context.Group).ReceiptsEach; copy++)
        {
            Send(Cashier.Receipts, new Receipt(message.Value.Number));
        }

        return ValueTask.CompletedTask;
    }
}

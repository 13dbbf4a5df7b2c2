using OrleansRocketMQ;

namespace Checkout;

/// <summary>What the shop knows of a customer. Kept in grain storage.</summary>
[GenerateSerializer]
internal sealed class CustomerState
{
    [Id(0)]
    public int Orders { get; set; }

    [Id(1)]
    public int Spent { get; set; }
}

/// <summary>
/// A customer, whose grain gets the customer's orders in order. Each order counts once, however often it is delivered, and each
/// that counts asks for its payment: both are one write. No attribute names its group: every silo of this program would consume it,
/// the bank's with customers of its own.
/// </summary>
internal sealed class Customer([PersistentState("customer", "RocketMQ")] IPersistentState<MessageDrivenState<CustomerState>> state)
    : KeyOrderedStateGrain<CustomerState, OrderPlaced>(state)
{
    public const string Group = "checkout";
    public const string Topic = "CheckoutOrders";
    public const string Payments = "CheckoutPayments";

    protected override ValueTask ApplyAsync(Message<OrderPlaced> message, ConsumeContext context, CancellationToken cancellationToken)
    {
        var (order, customer) = (message.Value, message.Raw.ShardingKey!);
        State.Orders++;
        State.Spent += order.Amount;
        Send(Payments, new PaymentDue(order.Id, order.Run, customer, order.Amount, State.Spent), key: order.Id, shardingKey: customer);
        return ValueTask.CompletedTask;
    }
}

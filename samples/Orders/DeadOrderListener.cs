using System.Text.Json;
using Orleans.Concurrency;
using OrleansRocketMQ;

namespace Orders;

/// <summary>Dead letters lie in a topic like any other, %DLQ% and the group's name, for a group of its own to look after.</summary>
[RocketMQListener(Group, "%DLQ%" + OrderListener.Group)]
[StatelessWorker]
internal sealed class DeadOrderListener(OrderBook book) : Grain, IConcurrentListener
{
    public const string Group = "orders-clerk";

    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        var message = messages[0];
        var order = JsonSerializer.Deserialize<Order>(message.Body.Span)!;
        Console.WriteLine($"  order {order.Number}: dead letter in {context.Topic}, message {message.MessageId}, keys {message.Keys}");
        book.Bury(order);
        return ValueTask.FromResult(ConsumeResult.Success);
    }
}

using System.Text.Json;
using Orleans.Concurrency;
using OrleansRocketMQ;

namespace Orders;

/// <summary>Handles orders. An order that fails comes again, up to the group's MaxReconsumeTimes; then the broker files it as dead.</summary>
[RocketMQListener(Group, Topic, Tags = "new")]
[StatelessWorker]
internal sealed class OrderListener(OrderBook book) : Grain, IConcurrentListener
{
    public const string Group = "orders";
    public const string Topic = "Orders";

    private const int AfterOneSecond = 1;

    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        var order = JsonSerializer.Deserialize<Order>(messages[0].Body.Span)!;
        var attempt = context.ReconsumeTimes + 1;

        // Left alone, the broker waits 10 s, 30 s, 1 min, ... before it brings a message again. A demo has less time.
        context.DelayLevelWhenNextConsume = AfterOneSecond;

        if (order.Amount < 0)
        {
            // An exception is a failure like any other. This one will happen at every attempt: the message is poison.
            Console.WriteLine($"  order {order.Number}: attempt {attempt} failed, the amount is {order.Amount}");
            throw new InvalidOperationException("The amount of an order cannot be negative.");
        }

        if (order.Bank == "slow bank" && attempt == 1)
        {
            Console.WriteLine($"  order {order.Number}: attempt {attempt} failed, the bank did not answer; it comes again in a second");
            return ValueTask.FromResult(ConsumeResult.ReconsumeLater);
        }

        Console.WriteLine($"  order {order.Number}: shipped at attempt {attempt} (queue {context.QueueId} of {context.Topic})");
        book.Ship(order, attempt);
        return ValueTask.FromResult(ConsumeResult.Success);
    }
}

using Orleans.Concurrency;
using OrleansRocketMQ;

namespace Orders;

/// <summary>
/// Consumes created orders. A stateless worker runs on the silo that owns the queue, and each grain gets one batch at a
/// time, so it needs no locks of its own.
/// </summary>
[RocketMQListener(Group, Topic, Tags = "created")]
[StatelessWorker]
public sealed class OrderListener(OrderBook book) : Grain, IConcurrentListener
{
    public const string Group = "orders-handling";
    public const string Topic = "orders";

    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        foreach (var message in messages)
        {
            var order = Order.FromJson(message.Body);
            if (order.Amount == Order.Impossible || (order.Amount == Order.BusyOnFirstTry && message.ReconsumeTimes == 0))
            {
                // Again in a second (delay level 1) instead of the broker's usual ten; throwing would do as well.
                book.CountFailure(order, message.ReconsumeTimes);
                context.DelayLevelWhenNextConsume = 1;
                return ValueTask.FromResult(ConsumeResult.ReconsumeLater);
            }

            book.Handle(order, message.ReconsumeTimes);
        }

        return ValueTask.FromResult(ConsumeResult.Success);
    }
}

using System.Net;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Docs.Snippets.Typed;
using OrleansRocketMQ.Hosting;

namespace OrleansRocketMQ.Docs.Snippets.Failures;

/// <summary>docs/failures.md</summary>
internal sealed class StockListener : Grain, IMessageListener, IConcurrentListener<OrderPlaced>
{
    private readonly Stock _stock = new();

    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch<OrderPlaced> messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        foreach (var message in messages)
        {
            if (message.Value.Amount < 0)
            {
                context.Reject(message, "an order must not pay the customer");
            }
            else if (!_stock.Has(message.Value.Id))
            {
                context.RetryAfter(message, TimeSpan.FromMinutes(5));
            }
        }

        return ValueTask.FromResult(ConsumeResult.Success);
    }
}

internal sealed class ImportHandler : IMessageHandler<OrderPlaced>
{
    public async Task HandleAsync(Message<OrderPlaced> message, MessageContext context, CancellationToken cancellationToken)
    {
        await foreach (var row in ReadRowsAsync(message, cancellationToken))
        {
            await ImportAsync(row, cancellationToken);
            context.Renew();
        }
    }

    private static IAsyncEnumerable<string> ReadRowsAsync(Message<OrderPlaced> message, CancellationToken cancellationToken)
        => throw new NotSupportedException($"{message} {cancellationToken}");

    private static Task ImportAsync(string row, CancellationToken cancellationToken) => throw new NotSupportedException($"{row} {cancellationToken}");
}

internal static class RuleSnippets
{
    public static void Declare(RocketMQBuilder rocketmq)
    {
        rocketmq.AddConsumer<StockListener>("billing", consumer => consumer
            .OnError<TimeoutException>(rule => rule
                .RetryHere(3, backoff: TimeSpan.FromMilliseconds(200), maxBackoff: TimeSpan.FromSeconds(2), jitter: 0.5)
                .Then.RetryLater(TimeSpan.FromMinutes(5)))
            .OnError<FormatException>(rule => rule.DeadLetter())
            .OnError<HttpRequestException>(rule => rule.When(exception => exception.StatusCode == HttpStatusCode.Unauthorized).Stop())
            .OnError<Exception>(rule => rule.OfTopic("audit").RetryLater(TimeSpan.FromHours(1))));
    }
}

internal static class BreakerSnippets
{
    public static void Declare(RocketMQBuilder rocketmq)
    {
        rocketmq.AddConsumer<StockListener>("billing", consumer => consumer.Configure(options =>
        {
            options.CircuitBreaker = CircuitBreakerScope.Group;
            options.BreakerFailureShare = 0.6;
            options.BreakerOpenTime = TimeSpan.FromMinutes(1);
        }));
    }
}

internal static class DeadLetterSnippets
{
    public static async Task<DeadLetterPage> SearchAsync(IGrainFactory grains)
    {
        var letters = grains.GetGrain<IDeadLetterGrain>("billing");
        var page = await letters.SearchAsync(new DeadLetterSearch { ErrorType = nameof(TimeoutException), Reason = "warehouse" });
        return page;
    }
}

internal sealed class Stock
{
    private readonly HashSet<string> _ids = [];

    public bool Has(string id) => _ids.Contains(id);
}

using OrleansRocketMQ.Docs.Snippets.Typed;

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

internal sealed class Stock
{
    private readonly HashSet<string> _ids = [];

    public bool Has(string id) => _ids.Contains(id);
}

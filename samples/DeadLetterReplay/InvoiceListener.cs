using System.Text;
using Orleans.Concurrency;
using OrleansRocketMQ;

namespace DeadLetterReplay;

/// <summary>Books invoices such as "120 CHF" in euros.</summary>
[RocketMQListener(Group, Topic)]
[StatelessWorker]
internal sealed class InvoiceListener(Rates rates) : Grain, IConcurrentListener
{
    public const string Group = "invoices";
    public const string Topic = "Invoices";

    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        var message = messages[0];
        var parts = Encoding.UTF8.GetString(message.Body.Span).Split(' ');
        context.DelayLevelWhenNextConsume = 1; // One second. Left alone, the broker begins with 10 s.
        rates.Book(message.Keys!, decimal.Parse(parts[0], System.Globalization.CultureInfo.InvariantCulture), parts[1]);
        return ValueTask.FromResult(ConsumeResult.Success);
    }
}

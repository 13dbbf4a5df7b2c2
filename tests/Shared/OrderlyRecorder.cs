using System.Text;

namespace OrleansRocketMQ.Testing;

/// <summary>Keeps every batch an orderly listener was given, and what it answered.</summary>
internal sealed class OrderlyRecorder
{
    private readonly Lock _gate = new();
    private readonly List<OrderlyDelivery> _deliveries = [];

    /// <summary>Every message in the order it came, with the answer its batch got.</summary>
    public IReadOnlyList<OrderlyDelivery> Deliveries
    {
        get
        {
            lock (_gate)
            {
                return [.. _deliveries];
            }
        }
    }

    public IEnumerable<string> Bodies => Deliveries.Select(delivery => delivery.Body);

    /// <summary>Messages whose batch succeeded, in the order they came.</summary>
    public IEnumerable<string> Succeeded => Deliveries.Where(delivery => delivery.Result is ConsumeOrderlyResult.Success or ConsumeOrderlyResult.Commit).Select(delivery => delivery.Body);

    public OrderlyScript Succeed() => Then((_, _) => ConsumeOrderlyResult.Success);

    /// <summary>A script that decides and records.</summary>
    public OrderlyScript Then(Func<MessageBatch, ConsumeOrderlyContext, ConsumeOrderlyResult> decide) => (messages, context, _) =>
    {
        var result = decide(messages, context);
        Record(messages, context, result);
        return ValueTask.FromResult(result);
    };

    public void Record(MessageBatch messages, ConsumeOrderlyContext context, ConsumeOrderlyResult result)
    {
        lock (_gate)
        {
            foreach (var message in messages)
            {
                _deliveries.Add(new(message, context.Queue, context.ReconsumeTimes, messages.Count, result));
            }
        }
    }

    public Task UntilAsync(int count) => Eventually.TrueAsync(() => Deliveries.Count >= count, () => $"{count} deliveries; there are {Deliveries.Count}: {string.Join(" ", Bodies)}");

    public Task UntilSucceededAsync(int count) => Eventually.TrueAsync(
        () => Succeeded.Distinct().Count() >= count, () => $"{count} messages succeeded; there are {Succeeded.Distinct().Count()}: {string.Join(" ", Bodies)}");
}

/// <summary>A message as an orderly listener got it.</summary>
internal sealed record OrderlyDelivery(MessageExt Message, MessageQueue Queue, int ReconsumeTimes, int BatchSize, ConsumeOrderlyResult Result)
{
    public string Body => Encoding.UTF8.GetString(Message.Body.Span);
}

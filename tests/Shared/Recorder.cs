using System.Text;

namespace OrleansRocketMQ.Testing;

/// <summary>Keeps every message a listener was given.</summary>
internal sealed class Recorder
{
    private readonly Lock _gate = new();
    private readonly List<Delivery> _deliveries = [];

    public IReadOnlyList<Delivery> Deliveries
    {
        get
        {
            lock (_gate)
            {
                return [.. _deliveries];
            }
        }
    }

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _deliveries.Count;
            }
        }
    }

    /// <summary>Bodies as text, in the order they came.</summary>
    public IEnumerable<string> Bodies => Deliveries.Select(delivery => delivery.Body);

    public void Record(MessageBatch messages, ConsumeContext context)
    {
        lock (_gate)
        {
            foreach (var message in messages)
            {
                _deliveries.Add(new Delivery(message, context.Queue, messages.Count));
            }
        }
    }

    /// <summary>A script that records and succeeds.</summary>
    public ListenerScript Succeed() => (messages, context, _) =>
    {
        Record(messages, context);
        return ValueTask.FromResult(ConsumeResult.Success);
    };

    /// <summary>A script that records and decides.</summary>
    public ListenerScript Then(Func<MessageBatch, ConsumeContext, ConsumeResult> decide) => (messages, context, _) =>
    {
        Record(messages, context);
        return ValueTask.FromResult(decide(messages, context));
    };

    public Task UntilAsync(int count) => Eventually.TrueAsync(() => Count >= count, () => $"{count} deliveries; there are {Count}");
}

/// <summary>A message as a listener got it.</summary>
internal sealed record Delivery(MessageExt Message, MessageQueue Queue, int BatchSize)
{
    public string Body => Encoding.UTF8.GetString(Message.Body.Span);
}

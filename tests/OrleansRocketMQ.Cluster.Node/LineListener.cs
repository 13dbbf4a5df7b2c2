using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Orleans;
using Orleans.Concurrency;

namespace OrleansRocketMQ.Cluster.Node;

/// <summary>Tells each delivery before it counts as done, so that none is forgotten when the process is killed.</summary>
[StatelessWorker]
internal sealed class LineListener(DeliveryLines lines, HeldMessages held, MessageWork work) : Grain, IConcurrentListener
{
    public async ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        foreach (var message in messages)
        {
            if (held.IsHeld(context.Queue, message.QueueOffset))
            {
                await Task.Delay(Timeout.Infinite, cancellationToken);
            }

            if (work.PerMessage > TimeSpan.Zero)
            {
                await Task.Delay(work.PerMessage, cancellationToken);
            }

            lines.Write(context.Queue, message.QueueOffset);
        }

        return ConsumeResult.Success;
    }
}

/// <summary>How long a message takes.</summary>
internal sealed record MessageWork(TimeSpan PerMessage);

/// <summary>Messages this process never ends, one of each queue, if it is to have any: what is done behind them cannot be committed.</summary>
internal sealed class HeldMessages(bool any)
{
    private readonly ConcurrentDictionary<MessageQueue, long> _held = new();

    public bool IsHeld(MessageQueue queue, long offset) => any && offset >= 500 && _held.GetOrAdd(queue, offset) == offset;
}

/// <summary>Tells each success of a key before it counts as done.</summary>
internal sealed class KeyLineListener(DeliveryLines lines) : Grain, IKeyOrderedListener
{
    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        foreach (var message in messages)
        {
            lines.Write(context.Queue, message.QueueOffset, $" {this.GetPrimaryKeyString()} {Encoding.UTF8.GetString(message.Body.Span)} {Stopwatch.GetTimestamp()}");
        }

        return ValueTask.FromResult(ConsumeResult.Success);
    }
}

/// <summary>The process's output, unbuffered. Thread-safe.</summary>
internal sealed class DeliveryLines
{
    private readonly Lock _gate = new();
    private readonly Stream _output = Console.OpenStandardOutput();

    public void Write(MessageQueue queue, long offset, string more = "")
    {
        var line = Encoding.UTF8.GetBytes(string.Create(
            CultureInfo.InvariantCulture, $"d {queue.Topic} {queue.BrokerName} {queue.QueueId} {offset}{more}\n"));
        lock (_gate)
        {
            _output.Write(line);
        }
    }
}

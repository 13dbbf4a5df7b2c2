using System.Globalization;
using System.Text;
using Orleans;
using Orleans.Runtime;

namespace OrleansRocketMQ.Cluster.Node;

/// <summary>What shows whether each of the messages 0, 1, 2 … of a key has had its effect once, and in order.</summary>
[GenerateSerializer]
internal sealed class Counts
{
    /// <summary>How many messages have had an effect.</summary>
    [Id(0)]
    public int Applied { get; set; }

    /// <summary>How many of them were not the one behind the last.</summary>
    [Id(1)]
    public int Wrong { get; set; }
}

/// <summary>Tells each delivery, has its effect once, and says so by a message. Its state is in files that outlive the process.</summary>
internal sealed class CountingGrain(
    DeliveryLines lines, [PersistentState("counts", "RocketMQ")] IPersistentState<MessageDrivenState<Counts>> state)
    : KeyOrderedStateGrain<Counts>(state), IKeyOrderedListener
{
    ValueTask<ConsumeResult> IKeyOrderedListener.ConsumeAsync(
        MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        foreach (var message in messages)
        {
            lines.Write(context.Queue, message.QueueOffset);
        }

        return ConsumeAsync(messages, context, cancellationToken);
    }

    protected override ValueTask ApplyAsync(MessageExt message, ConsumeContext context, CancellationToken cancellationToken)
    {
        var number = int.Parse(Encoding.UTF8.GetString(message.Body.Span), CultureInfo.InvariantCulture);
        State.Wrong += number == State.Applied ? 0 : 1;
        State.Applied++;
        Send(new Message("effects", message.Body) { ShardingKey = message.ShardingKey });
        return ValueTask.CompletedTask;
    }
}

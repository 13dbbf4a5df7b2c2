using System.Collections.Concurrent;
using Orleans;
using Orleans.Placement;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;

namespace OrleansRocketMQ.Testing;

/// <summary>What a test wants a group's orderly listener to do.</summary>
internal delegate ValueTask<ConsumeOrderlyResult> OrderlyScript(MessageBatch messages, ConsumeOrderlyContext context, CancellationToken cancellationToken);

/// <summary>A real orderly listener grain that does what the test of its group says.</summary>
[PreferLocalPlacement]
internal sealed class ScriptedOrderlyListener : Grain, IOrderlyListener
{
    private static readonly ConcurrentDictionary<string, OrderlyScript> Scripts = new();

    public static void Script(string group, OrderlyScript script) => Scripts[group] = script;

    public ValueTask<ConsumeOrderlyResult> ConsumeAsync(MessageBatch messages, ConsumeOrderlyContext context, CancellationToken cancellationToken)
        => Scripts[context.Group](messages, context, cancellationToken);
}

/// <summary>Silos with one orderly group.</summary>
internal static class OrderlyCluster
{
    /// <summary>Silos whose listener does what the script says; ready when this returns.</summary>
    public static async Task<TestCluster> ConsumeAsync(
        string nameServer, string group, string topic, OrderlyScript script, Action<ConsumerOptions>? configure = null, short silos = 1, Action<RocketMQBuilder>? setUp = null)
    {
        var cluster = await BeginAsync(nameServer, group, topic, script, configure, silos, setUp);
        await cluster.UntilReadyAsync(group);
        return cluster;
    }

    /// <summary>As <see cref="ConsumeAsync"/>, but returns before the group is ready: it may never be.</summary>
    public static Task<TestCluster> BeginAsync(
        string nameServer, string group, string topic, OrderlyScript script, Action<ConsumerOptions>? configure = null, short silos = 1, Action<RocketMQBuilder>? setUp = null)
    {
        ScriptedOrderlyListener.Script(group, script);
        return TestCluster.StartAsync(
            nameServer,
            rocketmq =>
            {
                setUp?.Invoke(rocketmq);
                rocketmq.AddConsumer<ScriptedOrderlyListener>(group, consumer => consumer.Subscribe(topic).Configure(options =>
                {
                    options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
                    options.SuspendCurrentQueueTime = TimeSpan.FromMilliseconds(50);
                    options.PersistInterval = TimeSpan.FromMilliseconds(50);
                    configure?.Invoke(options);
                }));
            },
            silos);
    }
}

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
    public string Body => System.Text.Encoding.UTF8.GetString(Message.Body.Span);
}

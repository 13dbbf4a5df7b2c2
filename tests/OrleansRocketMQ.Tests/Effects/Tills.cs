using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Placement;
using Orleans.Runtime;
using Orleans.Storage;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Testing;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Effects;

/// <summary>What tests send to a till.</summary>
public sealed record Payment(int Number);

/// <summary>A state that shows each effect it had.</summary>
[GenerateSerializer]
public sealed class TillState
{
    [Id(0)]
    public List<int> Payments { get; set; } = [];
}

/// <summary>How the tills of a group behave, and what they were given.</summary>
internal sealed class TillScript
{
    private static readonly ConcurrentDictionary<string, TillScript> ByGroup = new();

    /// <summary>Called with each payment before it has its effect.</summary>
    public Action<Payment> Applying { get; set; } = _ => { };

    /// <summary>Called with each payment after it has had its effect.</summary>
    public Action<Message<Payment>, ConsumeContext> Saying { get; set; } = (_, _) => { };

    /// <summary>How many receipts a cashier sends for a payment.</summary>
    public int ReceiptsEach { get; set; } = 1;

    public ConcurrentQueue<int> Delivered { get; } = new();

    public static TillScript Of(string group) => ByGroup.GetOrAdd(group, _ => new());

    public void Take(MessageBatch<Payment> messages)
    {
        foreach (var message in messages)
        {
            Delivered.Enqueue(message.Value.Number);
        }
    }
}

internal interface ITill : IGrainWithStringKey
{
    Task<List<int>> GetAsync();
}

/// <summary>A till whose payments come by its key.</summary>
internal sealed class Till([PersistentState("till")] IPersistentState<MessageDrivenState<TillState>> state)
    : KeyOrderedStateGrain<TillState, Payment>(state), ITill, IKeyOrderedListener<Payment>
{
    public Task<List<int>> GetAsync() => Task.FromResult(State.Payments);

    ValueTask<ConsumeResult> IKeyOrderedListener<Payment>.ConsumeAsync(
        MessageBatch<Payment> messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        TillScript.Of(context.Group).Take(messages);
        return ConsumeAsync(messages, context, cancellationToken);
    }

    protected override ValueTask ApplyAsync(Message<Payment> message, ConsumeContext context, CancellationToken cancellationToken)
    {
        State.Payments.Add(message.Value.Number);
        TillScript.Of(context.Group).Applying(message.Value);
        TillScript.Of(context.Group).Saying(message, context);
        return ValueTask.CompletedTask;
    }
}

/// <summary>A till that is kept in the storage of the library.</summary>
internal sealed class LibraryTill([PersistentState("till", "RocketMQ")] IPersistentState<MessageDrivenState<TillState>> state)
    : KeyOrderedStateGrain<TillState, Payment>(state)
{
    protected override ValueTask ApplyAsync(Message<Payment> message, ConsumeContext context, CancellationToken cancellationToken)
        => ValueTask.CompletedTask;
}

/// <summary>A till for each queue.</summary>
[PreferLocalPlacement]
internal sealed class QueueTill([PersistentState("till")] IPersistentState<MessageDrivenState<TillState>> state)
    : OrderlyStateGrain<TillState, Payment>(state), IOrderlyListener<Payment>
{
    ValueTask<ConsumeOrderlyResult> IOrderlyListener<Payment>.ConsumeAsync(
        MessageBatch<Payment> messages, ConsumeOrderlyContext context, CancellationToken cancellationToken)
    {
        TillScript.Of(context.Group).Take(messages);
        return ConsumeAsync(messages, context, cancellationToken);
    }

    protected override ValueTask ApplyAsync(Message<Payment> message, ConsumeOrderlyContext context, CancellationToken cancellationToken)
    {
        State.Payments.Add(message.Value.Number);
        TillScript.Of(context.Group).Applying(message.Value);
        return ValueTask.CompletedTask;
    }
}

internal static class TillRocketMQ
{
    /// <summary>What the silos of these tests complained of.</summary>
    public static WarningLog Log { get; } = new();

    public static async Task<TestCluster> ConsumeAtTillsAsync<TTill>(
        this TestRocketMQ rocketmq, JsonStorage storage, short silos = 1, Action<ConsumerOptions>? configure = null, Action<IServiceCollection>? setUp = null)
        where TTill : IMessageListener
    {
        var cluster = await TestCluster.StartAsync(
            rocketmq.Embedded.NameServerAddress,
            builder =>
            {
                DeclaredListeners.HideIn(builder.Services);
                setUp?.Invoke(builder.Services);
                storage.Keep(builder);
                builder.AddConsumer<TTill>(rocketmq.MyGroup, consumer => consumer.Subscribe(TestRocketMQ.Topic).Configure(options =>
                {
                    options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
                    options.PersistInterval = TimeSpan.FromMilliseconds(20);
                    options.SuspendCurrentQueueTime = TimeSpan.FromMilliseconds(50);
                    options.KeyRetryBackoff = TimeSpan.FromMilliseconds(50);
                    options.MaxKeyRetryBackoff = TimeSpan.FromMilliseconds(200);
                    configure?.Invoke(options);
                }));
            },
            silos,
            Log);
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        return cluster;
    }

    public static async Task PayAsync(this TestRocketMQ rocketmq, string till, int count, int first = 0)
    {
        for (var number = first; number < first + count; number++)
        {
            await rocketmq.Producer.SendAsync(TestRocketMQ.Topic, new Payment(number), shardingKey: till);
        }
    }

    /// <summary>What is stored of the tills, all together.</summary>
    public static IEnumerable<int> Payments(this JsonStorage storage)
        => storage.All<MessageDrivenState<TillState>>("till").Values.SelectMany(till => till.Value.Payments);

    public static Task UntilDeliveredAsync(this TillScript script, int count) => Eventually.TrueAsync(
        () => script.Delivered.Count >= count, () => $"{count} deliveries; there are {script.Delivered.Count}");
}

using System.Collections.Concurrent;
using System.Text.Json;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Testing;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Typed;

namespace OrleansRocketMQ.Tests.Filters;

/// <summary>What a test wants a filter of its group to do.</summary>
internal delegate Task FilterScript(ConsumeCall call, Func<Task> next, CancellationToken cancellationToken);

/// <summary>A filter that does what the test of its group says; without a word it only calls next.</summary>
internal class ScriptedFilter : IConsumeFilter
{
    private static readonly ConcurrentDictionary<(Type Filter, string Group), FilterScript> Scripts = new();

    public static void Script<TFilter>(string group, FilterScript script) => Scripts[(typeof(TFilter), group)] = script;

    public Task InvokeAsync(ConsumeCall call, Func<Task> next, CancellationToken cancellationToken)
        => Scripts.GetValueOrDefault((GetType(), call.Group)) is { } script ? script(call, next, cancellationToken) : next();
}

/// <summary>Another class, for a second filter beside it.</summary>
internal sealed class OtherFilter : ScriptedFilter;

/// <summary>Silos with one group in any way of consuming, with filters.</summary>
internal static class FilteredRocketMQ
{
    /// <summary>Each kind of listener in each way of consuming.</summary>
    public static string[] Ways { get; } =
    [
        .. new[] { "grain", "handler", "raw" }.SelectMany(kind => new[] { "concurrent", "orderly", "key-ordered" }.Select(mode => $"{mode} {kind}")),
        "concurrent delegate",
    ];

    /// <summary>Values go to the group's <see cref="TypedScript"/>, whatever the way; one that fails there is thrown on.</summary>
    public static async Task<TestCluster> ConsumeFilteredAsync(
        this TestRocketMQ rocketmq, string way, Action<ConsumerBuilder> configure, Action<RocketMQBuilder>? prepare = null)
    {
        if (!way.EndsWith("raw", StringComparison.Ordinal) && !way.EndsWith("delegate", StringComparison.Ordinal))
        {
            return await rocketmq.ConsumeValuesAsync(TypedRocketMQ.Way(way, out var listener) + configure, listener, prepare);
        }

        var group = rocketmq.MyGroup;
        ScriptedListener.Script(group, (messages, context, _) => ValueTask.FromResult(Take(group, messages, context.ReconsumeTimes, ConsumeResult.Success)));
        ScriptedOrderlyListener.Script(group, (messages, context, _) => ValueTask.FromResult(Take(group, messages, context.ReconsumeTimes, ConsumeOrderlyResult.Success)));
        var cluster = await TestCluster.StartAsync(rocketmq.Embedded.NameServerAddress, builder =>
        {
            DeclaredListeners.HideIn(builder.Services);
            prepare?.Invoke(builder);
            _ = way switch
            {
                "orderly raw" => builder.AddConsumer<ScriptedOrderlyListener>(group, Configure),
                "key-ordered raw" => builder.AddConsumer<KeyedRawListener>(group, Configure),
                "concurrent raw" => builder.AddConsumer<ScriptedListener>(group, Configure),
                _ => builder.AddConsumer(group, consumer => Configure(consumer.HandleBatch(
                    (messages, context, _) => ValueTask.FromResult(Take(group, messages, context.ReconsumeTimes, ConsumeResult.Success))))),
            };
        }, log: TypedRocketMQ.Log);
        await cluster.UntilReadyAsync(group);
        return cluster;

        void Configure(ConsumerBuilder consumer)
        {
            consumer.Subscribe(TestRocketMQ.Topic).Configure(options =>
            {
                options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
                options.PersistInterval = TimeSpan.FromMilliseconds(20);
                options.SuspendCurrentQueueTime = options.KeyRetryBackoff = TimeSpan.FromMilliseconds(50);
                options.MaxKeyRetryBackoff = TimeSpan.FromMilliseconds(200);
            });
            configure(consumer);
        }
    }

    public static TResult Take<TResult>(string group, MessageBatch messages, int failures, TResult success)
    {
        var values = messages.Select(message => new Message<OrderPlaced>(JsonSerializer.Deserialize<OrderPlaced>(message.Body.Span, JsonSerializerOptions.Web)!, message));
        return TypedScript.Of(group).Take(new MessageBatch<OrderPlaced>([.. values]), failures) == messages.Count
            ? success
            : throw new InvalidOperationException("not now");
    }
}

/// <summary>A listener of keys that gets messages as they came.</summary>
internal sealed class KeyedRawListener : Orleans.Grain, IKeyOrderedListener
{
    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
        => ValueTask.FromResult(FilteredRocketMQ.Take(context.Group, messages, context.ReconsumeTimes, ConsumeResult.Success));
}

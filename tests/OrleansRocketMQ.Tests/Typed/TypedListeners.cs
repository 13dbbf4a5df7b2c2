using System.Collections.Concurrent;
using System.Text.Json.Serialization;
using Orleans;
using Orleans.Concurrency;
using Orleans.Placement;

namespace OrleansRocketMQ.Tests.Typed;

/// <summary>What tests send.</summary>
public sealed record OrderPlaced(int Number, string Customer = "ada");

/// <summary>Another type on the same topic.</summary>
public sealed record OrderCancelled(int Number, string Reason);

/// <summary>What System.Text.Json's generator knows; a name of its own shows that it was used.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseUpper)]
[JsonSerializable(typeof(OrderPlaced))]
internal sealed partial class OrderJson : JsonSerializerContext;

/// <summary>What the typed listeners of a group got, and what they do.</summary>
internal sealed class TypedScript
{
    private static readonly ConcurrentDictionary<string, TypedScript> ByGroup = new();
    private readonly Lock _gate = new();
    private readonly List<(object Value, MessageExt Raw, int BatchSize)> _got = [];

    public Func<object, int, bool> Fails { get; init; } = (_, _) => false;

    public IReadOnlyList<(object Value, MessageExt Raw, int BatchSize)> Got
    {
        get
        {
            lock (_gate)
            {
                return [.. _got];
            }
        }
    }

    public IEnumerable<int> Numbers => Got.Select(got => got.Value is OrderPlaced placed ? placed.Number : ((OrderCancelled)got.Value).Number);

    public static TypedScript Of(string group) => ByGroup.GetOrAdd(group, _ => new());

    public static TypedScript For(string group, Func<object, int, bool> fails) => ByGroup[group] = new() { Fails = fails };

    /// <summary>Notes a batch; how many of it, from the first on, succeed.</summary>
    public int Take<T>(MessageBatch<T> messages, int reconsumeTimes)
    {
        lock (_gate)
        {
            _got.AddRange(messages.Select(message => ((object)message.Value!, message.Raw, messages.Count)));
        }

        var failed = messages.Select((message, index) => (message, index)).Where(item => Fails(item.message.Value!, reconsumeTimes)).Select(item => item.index);
        return failed.Append(messages.Count).First();
    }

    public Task UntilAsync(int count) => Eventually.TrueAsync(() => Got.Count >= count, () => $"{count} values; there are {Got.Count}: {string.Join('\n', TypedRocketMQ.Log.Lines.TakeLast(10))}");
}

[StatelessWorker]
internal sealed class TypedListener : Grain, IMessageListener, IConcurrentListener<OrderPlaced>
{
    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch<OrderPlaced> messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        context.AckIndex = TypedScript.Of(context.Group).Take(messages, context.ReconsumeTimes) - 1;
        return ValueTask.FromResult(ConsumeResult.Success);
    }
}

[StatelessWorker]
internal sealed class TwoTypesListener : Grain, IMessageListener, IConcurrentListener<OrderPlaced>, IConcurrentListener<OrderCancelled>
{
    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch<OrderPlaced> messages, ConsumeContext context, CancellationToken cancellationToken) => Take(messages, context);

    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch<OrderCancelled> messages, ConsumeContext context, CancellationToken cancellationToken) => Take(messages, context);

    private static ValueTask<ConsumeResult> Take<T>(MessageBatch<T> messages, ConsumeContext context)
    {
        TypedScript.Of(context.Group).Take(messages, context.ReconsumeTimes);
        return ValueTask.FromResult(ConsumeResult.Success);
    }
}

[PreferLocalPlacement]
internal sealed class TypedOrderlyListener : Grain, IMessageListener, IOrderlyListener<OrderPlaced>
{
    public ValueTask<ConsumeOrderlyResult> ConsumeAsync(MessageBatch<OrderPlaced> messages, ConsumeOrderlyContext context, CancellationToken cancellationToken)
        => ValueTask.FromResult(TypedScript.Of(context.Group).Take(messages, context.ReconsumeTimes) == messages.Count
            ? ConsumeOrderlyResult.Success
            : ConsumeOrderlyResult.SuspendCurrentQueue);
}

internal sealed class TypedKeyOrderedListener : Grain, IMessageListener, IKeyOrderedListener<OrderPlaced>
{
    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch<OrderPlaced> messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        Assert.All(messages, message => Assert.Equal(this.GetPrimaryKeyString(), message.Raw.ShardingKey));
        context.AckIndex = TypedScript.Of(context.Group).Take(messages, context.ReconsumeTimes) - 1;
        return ValueTask.FromResult(ConsumeResult.Success);
    }
}

/// <summary>Gets messages as they came and values: must be refused.</summary>
[StatelessWorker]
internal sealed class BothListener : Grain, IConcurrentListener, IConcurrentListener<OrderPlaced>
{
    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch<OrderPlaced> messages, ConsumeContext context, CancellationToken cancellationToken) => throw new NotSupportedException();
}

/// <summary>A service of a scope: another one for each message, disposed of after it.</summary>
internal sealed class OrderScope : IDisposable
{
    public bool IsDisposed { get; private set; }

    public void Dispose() => IsDisposed = true;
}

/// <summary>A handler that is not registered.</summary>
internal sealed class OrderHandler(OrderScope scope) : IMessageHandler<OrderPlaced>, IMessageHandler<OrderCancelled>
{
    public static ConcurrentBag<OrderScope> Scopes { get; } = [];

    public Task HandleAsync(Message<OrderPlaced> message, MessageContext context, CancellationToken cancellationToken) => TakeAsync(message, context);

    public Task HandleAsync(Message<OrderCancelled> message, MessageContext context, CancellationToken cancellationToken) => TakeAsync(message, context);

    private async Task TakeAsync<T>(Message<T> message, MessageContext context)
    {
        Assert.False(scope.IsDisposed);
        Scopes.Add(scope);
        await Task.Yield();
        if (TypedScript.Of(context.Group).Take(new MessageBatch<T>(message), context.ReconsumeTimes) == 0)
        {
            throw new InvalidOperationException("not now");
        }
    }
}

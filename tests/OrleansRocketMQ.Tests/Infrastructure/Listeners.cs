using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Concurrency;
using Orleans.Placement;
using Orleans.Runtime;
using Orleans.Serialization.Configuration;

namespace OrleansRocketMQ.Tests.Infrastructure;

/// <summary>A listener that is no stateless worker: its grains spread over the cluster.</summary>
[RandomPlacement]
internal sealed class SpreadListener(ILocalSiloDetails silo) : Grain, IConcurrentListener
{
    private static readonly ConcurrentDictionary<(string Group, SiloAddress Silo), int> Calls = new();

    public static IEnumerable<SiloAddress> SilosOf(string group) => Calls.Keys.Where(key => key.Group == group).Select(key => key.Silo);

    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        Calls.AddOrUpdate((context.Group, silo.SiloAddress), 1, static (_, calls) => calls + 1);
        return ScriptedListener.ScriptOf(context.Group)(messages, context, cancellationToken);
    }
}

/// <summary>An orderly listener that keeps what it was given by the silo it is on.</summary>
[PreferLocalPlacement]
internal sealed class LocalOrderlyListener(ILocalSiloDetails silo) : Grain, IOrderlyListener
{
    private static readonly ConcurrentDictionary<(string Group, SiloAddress Silo), ConcurrentQueue<string>> Bodies = new();

    public static IReadOnlyDictionary<SiloAddress, string[]> BodiesOf(string group)
        => Bodies.Where(pair => pair.Key.Group == group).ToDictionary(pair => pair.Key.Silo, pair => pair.Value.ToArray());

    public ValueTask<ConsumeOrderlyResult> ConsumeAsync(MessageBatch messages, ConsumeOrderlyContext context, CancellationToken cancellationToken)
    {
        var bodies = Bodies.GetOrAdd((context.Group, silo.SiloAddress), static _ => new());
        foreach (var message in messages)
        {
            bodies.Enqueue(TestRocketMQ.Text(message));
        }

        return ValueTask.FromResult(ConsumeOrderlyResult.Success);
    }
}

/// <summary>An orderly listener whose grains may be on any silo.</summary>
[RandomPlacement]
internal sealed class SpreadOrderlyListener : Grain, IOrderlyListener
{
    public ValueTask<ConsumeOrderlyResult> ConsumeAsync(MessageBatch messages, ConsumeOrderlyContext context, CancellationToken cancellationToken) => throw new NotSupportedException();
}

/// <summary>Listeners of queues and of keys on any silo, that tell where they are.</summary>
internal static class FarListeners
{
    /// <summary>The bodies' lengths, by queue and offset, and the silo on which the listener was.</summary>
    public static ConcurrentDictionary<(string Group, MessageQueue Queue, long Offset), (int Length, SiloAddress Silo)> Seen { get; } = new();

    public static void Note(string group, MessageQueue queue, MessageBatch messages, SiloAddress silo)
    {
        foreach (var message in messages)
        {
            Seen[(group, queue, message.QueueOffset)] = (message.Body.Length, silo);
        }
    }
}

/// <summary>A listener for each queue, on any silo.</summary>
[RandomPlacement]
internal sealed class FarOrderlyListener(ILocalSiloDetails silo) : Grain, IOrderlyListener
{
    public ValueTask<ConsumeOrderlyResult> ConsumeAsync(MessageBatch messages, ConsumeOrderlyContext context, CancellationToken cancellationToken)
    {
        FarListeners.Note(context.Group, context.Queue, messages, silo.SiloAddress);
        return ValueTask.FromResult(ConsumeOrderlyResult.Success);
    }
}

/// <summary>A listener for each key, on any silo.</summary>
[RandomPlacement]
internal sealed class FarKeyedListener(ILocalSiloDetails silo) : Grain, IKeyOrderedListener
{
    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        FarListeners.Note(context.Group, context.Queue, messages, silo.SiloAddress);
        return ValueTask.FromResult(ConsumeResult.Success);
    }
}

/// <summary>A listener by declaration, of several topics.</summary>
[StatelessWorker]
[RocketMQListener(Group, "declared_all")]
[RocketMQListener(Group, "declared_tags", Tags = "a || b")]
[RocketMQListener(Group, "declared_sql", Sql = "price > 10")]
internal sealed class DeclaredListener : Grain, IOnlyListener
{
    public const string Group = "declared";

    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
        => ScriptedListener.ScriptOf(context.Group)(messages, context, cancellationToken);
}

/// <summary>A key-ordered listener that must be refused.</summary>
[StatelessWorker]
internal sealed class StatelessKeyedListener : Grain, IKeyOrderedListener
{
    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken) => throw new NotSupportedException();
}

/// <summary>A key-ordered listener that must be refused.</summary>
[Reentrant]
internal sealed class ReentrantKeyedListener : Grain, IKeyOrderedListener
{
    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken) => throw new NotSupportedException();
}

/// <summary>An interface with one class.</summary>
internal interface IOnlyListener : IConcurrentListener;

/// <summary>An interface without a class.</summary>
internal interface INobodysListener : IConcurrentListener;

/// <summary>Silos find declared listeners by themselves; those of tests that are not about them must not.</summary>
internal static class DeclaredListeners
{
    public static void HideIn(IServiceCollection services)
        => services.PostConfigure<TypeManifestOptions>(manifest => manifest.InterfaceImplementations.Remove(typeof(DeclaredListener)));
}

using System.Collections.Concurrent;
using Orleans;
using Orleans.Placement;

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

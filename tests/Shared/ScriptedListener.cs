using System.Collections.Concurrent;
using Orleans;
using Orleans.Concurrency;

namespace OrleansRocketMQ.Testing;

/// <summary>What a test wants a group's listener to do.</summary>
internal delegate ValueTask<ConsumeResult> ListenerScript(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken);

/// <summary>A real listener grain that does what the test of its group says. Silos of tests run in the test's process.</summary>
[StatelessWorker]
internal sealed class ScriptedListener : Grain, IConcurrentListener
{
    private static readonly ConcurrentDictionary<string, ListenerScript> Scripts = new();

    public static void Script(string group, ListenerScript script) => Scripts[group] = script;

    public static ListenerScript ScriptOf(string group) => Scripts[group];

    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
        => Scripts[context.Group](messages, context, cancellationToken);
}

using Orleans.Concurrency;

namespace OrleansRocketMQ.SiloHost.Demo;

/// <summary>What a listener looks like: a grain with one method.</summary>
[StatelessWorker]
internal sealed class DemoListener(DemoLedger ledger) : Grain, IConcurrentListener
{
    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        foreach (var message in messages)
        {
            ledger.CountConsumed(message.Body.Span);
        }

        return ValueTask.FromResult(ConsumeResult.Success);
    }
}

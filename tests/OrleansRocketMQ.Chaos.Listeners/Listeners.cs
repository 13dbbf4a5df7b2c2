using Orleans;
using Orleans.Concurrency;
using Orleans.Placement;

namespace OrleansRocketMQ.Chaos.Listeners;

/// <summary>In any order. One of 50 messages fails at its first attempt; poison fails, and is given up at its second.</summary>
[RocketMQListener(Group, Group)]
[StatelessWorker]
internal sealed class AnyOrderListener : Grain, IConcurrentListener
{
    public const string Group = "chaos-any";

    public async ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        foreach (var message in messages)
        {
            var isPoison = ChaosMessage.IsPoison(message);
            if (message.ReconsumeTimes == 0 && (isPoison || ChaosMessage.FailsFirst(message)))
            {
                context.DelayLevelWhenNextConsume = 1;
                return ConsumeResult.ReconsumeLater;
            }

            if (isPoison)
            {
                Records.Add(Group, message);
                context.DelayLevelWhenNextConsume = ConsumeContext.ToDeadLetters;
                return ConsumeResult.ReconsumeLater;
            }

            await ChaosMessage.WorkAsync(cancellationToken);
            await Hold.WaitAsync(cancellationToken);
            Records.Add(Group, message);
        }

        return ConsumeResult.Success;
    }
}

/// <summary>All messages on each silo, where settings make its group one that broadcasts. None fails: none would be tried again.</summary>
[RocketMQListener(Group, AnyOrderListener.Group)]
[StatelessWorker]
internal sealed class EverywhereListener : Grain, IConcurrentListener
{
    public const string Group = "chaos-all";

    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        foreach (var message in messages)
        {
            Records.Add(Group, message);
        }

        return ValueTask.FromResult(ConsumeResult.Success);
    }
}

/// <summary>Each queue in order. One of 50 messages fails at its first attempt, and holds its queue.</summary>
[RocketMQListener(Group, Group)]
[PreferLocalPlacement]
internal sealed class QueueOrderListener : Grain, IOrderlyListener
{
    public const string Group = "chaos-queue";

    public async ValueTask<ConsumeOrderlyResult> ConsumeAsync(MessageBatch messages, ConsumeOrderlyContext context, CancellationToken cancellationToken)
    {
        foreach (var message in messages)
        {
            if (context.ReconsumeTimes == 0 && ChaosMessage.FailsFirst(message))
            {
                context.SuspendCurrentQueueTime = TimeSpan.FromMilliseconds(50);
                return ConsumeOrderlyResult.SuspendCurrentQueue;
            }

            Refusal.ThrowIfWanted();
            await ChaosMessage.WorkAsync(cancellationToken);
            Records.Add(Group, message);
        }

        return ConsumeOrderlyResult.Success;
    }
}

/// <summary>Each key in order. One of 50 messages fails at its first attempt, and holds its key.</summary>
[RocketMQListener(Group, Group)]
internal sealed class KeyOrderListener : Grain, IKeyOrderedListener
{
    public const string Group = "chaos-key";

    public async ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        foreach (var message in messages)
        {
            if (context.ReconsumeTimes == 0 && ChaosMessage.FailsFirst(message))
            {
                return ConsumeResult.ReconsumeLater;
            }

            await ChaosMessage.WorkAsync(cancellationToken);
            Records.Add(Group, message);
        }

        return ConsumeResult.Success;
    }
}

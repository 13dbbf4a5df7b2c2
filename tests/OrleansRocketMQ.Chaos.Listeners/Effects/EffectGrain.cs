using Orleans;
using Orleans.Runtime;

namespace OrleansRocketMQ.Chaos.Listeners.Effects;

/// <summary>What the messages of a key have done, kept in grain storage.</summary>
[GenerateSerializer]
public sealed class KeyEffects
{
    /// <summary>The key; its name is how the runner finds the record in the store.</summary>
    [Id(0)]
    public string EffectsOfKey { get; set; } = string.Empty;

    /// <summary>The number that is next.</summary>
    [Id(1)]
    public int Next { get; set; }

    /// <summary>How many messages had a number that had been there before: those that were sent twice.</summary>
    [Id(2)]
    public int Again { get; set; }

    /// <summary>How many messages came before an earlier one.</summary>
    [Id(3)]
    public int Early { get; set; }
}

/// <summary>The grain of a key, with typed messages and each effect once. One of 50 messages fails at its first attempt.</summary>
[RocketMQListener(Group, KeyOrderListener.Group)]
internal sealed class EffectGrain([PersistentState("chaos-effects")] IPersistentState<MessageDrivenState<KeyEffects>> state)
    : KeyOrderedStateGrain<KeyEffects, ChaosNote>(state)
{
    public const string Group = "chaos-effect";

    protected override async ValueTask ApplyAsync(Message<ChaosNote> message, ConsumeContext context, CancellationToken cancellationToken)
    {
        var note = message.Value;
        State.EffectsOfKey = note.Key;
        if (note.Number > State.Next)
        {
            State.Early++;
        }
        else if (note.Number < State.Next)
        {
            State.Again++;
        }
        else
        {
            State.Next++;
        }

        await ChaosMessage.WorkAsync(cancellationToken);

        // Behind the change: what failed must not be in the state.
        if (note.FailsFirst && context.ReconsumeTimes == 0)
        {
            throw new InvalidDataException("This one fails first.");
        }
    }
}

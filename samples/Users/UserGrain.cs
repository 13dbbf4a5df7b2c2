using System.Text.Json;
using OrleansRocketMQ;

namespace Users;

/// <summary>
/// A user. The sharding key of a message is the key of the grain that gets it, so the grain of a user is the listener of
/// the user's own messages: in order, one at a time, on whatever silo it lives.
/// </summary>
[RocketMQListener(Group, Topic)]
internal sealed class UserGrain(Crowd crowd, [PersistentState("user")] IPersistentState<UserState> user) : Grain, IKeyOrderedListener
{
    public const string Group = "users";
    public const string Topic = "UserEvents";

    public async ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        var name = this.GetPrimaryKeyString();
        var step = JsonSerializer.Deserialize<UserEvent>(messages[0].Body.Span)!.Step;
        if (step > user.State.Step) // Else it came twice: delivery is at least once.
        {
            using (crowd.Enter(name))
            {
                await Task.Delay(100, cancellationToken); // Work.
            }

            if (step == UserStep.Verified && context.ReconsumeTimes == 0 && name.StartsWith("user-13-", StringComparison.Ordinal))
            {
                Console.WriteLine("  user-13: the mail server does not answer; the user's next steps wait, other users do not");
                return ConsumeResult.ReconsumeLater;
            }

            crowd.Note(name, user.State.Step, step);
            user.State.Step = step;
        }

        // Also for one that came twice: maybe because this write failed the first time.
        await user.WriteStateAsync(cancellationToken);
        return ConsumeResult.Success;
    }
}

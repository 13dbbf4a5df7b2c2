using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Simulation.Checking;

namespace OrleansRocketMQ.Engine.Simulation.Members;

/// <summary>What listeners say of single messages.</summary>
internal sealed partial class SimulatedListeners
{
    /// <summary>What a listener says of one message of a batch that it has consumed; null when nothing.</summary>
    /// <param name="call">The call.</param>
    /// <param name="batch">The batch.</param>
    /// <param name="first">The place of its first message in the call.</param>
    /// <param name="inOrder">Whether what is behind the message would come again with it: then it is the last one.</param>
    private FailedMessage? SayOfOne(Call call, List<Delivery> batch, int first, bool inOrder)
    {
        if (!world.Setup.SpeaksOfEach || !_random.Chance(8))
        {
            return null;
        }

        var at = inOrder ? batch.Count - 1 : _random.Next(batch.Count);
        var delivery = batch[at];
        if (delivery.End != DeliveryEnd.Done)
        {
            // Nobody hears of it.
            return null;
        }

        call.Queue.Ledger.TakeBack(delivery);
        var message = call.Messages.Slice(first + at, 1);
        if (_random.Chance(50))
        {
            world.Attempts.Reject(call.Queue.Queue.Index, delivery.Entry.Offset);
            world.Coverage.Rejected++;
            GiveUp(call, message, MostFailures);
            return new(first + at, FailedMessage.ToDeadLetters, "rejected", ErrorTypes.Rejected, "rejected");
        }

        // Timers count whole milliseconds. A broker knows a few times only, and brings the message again by those.
        var time = TimeSpan.FromMilliseconds(_random.Between(50, 900));
        delivery.NotBefore = inOrder ? (call.Queue.Now + time).Ticks : delivery.NotBefore;
        world.Coverage.Postponed++;
        GiveUp(call, message, 1);
        return new(first + at, DelayLevels.Of(time), null, ErrorTypes.RetryAfter) { RetryAfter = time };
    }
}

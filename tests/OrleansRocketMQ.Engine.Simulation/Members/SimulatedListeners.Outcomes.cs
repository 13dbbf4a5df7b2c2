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
        var word = NextWord();
        Note(word, call, delivery, behind: null);
        if (word.RetryAfter is not { } time)
        {
            GiveUp(call, message, MostFailures);
            return new(first + at, FailedMessage.ToDeadLetters, AttemptBook.Reason, ErrorTypes.Rejected, AttemptBook.Reason);
        }

        // A broker knows a few times only, and brings the message again by those.
        delivery.NotBefore = inOrder ? (call.Queue.Now + time).Ticks : delivery.NotBefore;
        GiveUp(call, message, 1);
        return new(first + at, DelayLevels.Of(time), null, ErrorTypes.RetryAfter) { RetryAfter = time };
    }

    /// <summary>What a listener says of messages of an ordered batch, by their place in it; mostly nothing.</summary>
    private Dictionary<int, Word> WordsFor(int count)
    {
        var words = new Dictionary<int, Word>();
        if (world.Setup.SpeaksOfEach && _random.Chance(8))
        {
            for (var left = _random.Between(1, 2); left > 0; left--)
            {
                words[_random.Next(count)] = NextWord();
            }
        }

        return words;
    }

    /// <summary>The checker hears what becomes of an ordered batch.</summary>
    /// <param name="words">What becomes of it.</param>
    /// <param name="call">The call.</param>
    /// <param name="batch">The batch.</param>
    /// <param name="first">The place of its first message in the call.</param>
    /// <param name="isHeard">Whether anybody else does.</param>
    private void Apply(OrderlyWords words, Call call, List<Delivery> batch, int first, bool isHeard)
    {
        Delivery? rejected = null;
        for (var index = 0; index < batch.Count; index++)
        {
            var (delivery, place) = (batch[index], first + index);
            var isDone = index < words.Done && !words.IsRejected(index);
            if (isDone)
            {
                delivery.Behind = rejected;
                Consumed(call, place, place + 1);
                continue;
            }

            call.Queue.Ledger.TakeBack(delivery);
            if (words.IsRejected(index))
            {
                Note(words.Said[index]!, call, delivery, behind: rejected);
                rejected = delivery;
                Failed(call, [place], counted: 0);
                GiveUp(call, call.Messages.Slice(place, 1), MostFailures);
            }
            else if (words.HasFailed(index))
            {
                delivery.NotBefore = words.Stopped!.RetryAfter is { } time ? (call.Queue.Now + time).Ticks : delivery.NotBefore;
                Failed(call, [place], isHeard ? 1 : 0);
                GiveUp(call, call.Messages.Slice(place, 1), 1);
                if (words.Said.ElementAtOrDefault(index) is { } word)
                {
                    Note(word, call, delivery, behind: null);
                }
            }
        }
    }

    // Timers count whole milliseconds.
    private Word NextWord() => new(_random.Chance(50) ? null : TimeSpan.FromMilliseconds(_random.Between(50, 900)));

    private void Note(Word word, Call call, Delivery delivery, Delivery? behind)
    {
        if (word.RetryAfter is null)
        {
            world.Attempts.Reject(call.Queue.Queue.Index, call.Window, delivery.Entry.Offset, behind?.Entry.Offset);
        }

        world.Coverage.Said(world.Setup.Mode, word.RetryAfter is null ? ListenerWord.Rejected : ListenerWord.Postponed);
    }
}

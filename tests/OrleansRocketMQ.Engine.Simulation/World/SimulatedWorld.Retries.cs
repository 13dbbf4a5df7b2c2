using System.Globalization;
using System.Text;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Simulation.Checking;

namespace OrleansRocketMQ.Engine.Simulation.World;

/// <summary>What becomes of messages that have failed.</summary>
internal sealed partial class SimulatedWorld
{
    /// <summary>How often messages have failed.</summary>
    public AttemptBook Attempts => field ??= new AttemptBook(this);

    /// <summary>Gives a message back, which comes again or is filed as dead.</summary>
    public async Task SendBackAsync(Owner owner, SimulatedQueue queue, SimulatedMessage message, bool isDead)
    {
        Attempts.Tried(queue.Index, message.Offset);
        await SendAsync(owner, queue, CancellationToken.None);
        if (message.IsGone || Strikes(FaultKind.SendBackRefused, queue.Index))
        {
            throw new CallFailedException(FaultKind.SendBackRefused);
        }

        if (!isDead)
        {
            Attempts.ComesAgain(queue.Index, message);
        }

        BringAgain(queue.Index, message, message.Attempts + 1, isDead);
        Ledgers[queue.Index].SafelyElsewhere(message.Offset, isHeard: false);
        if (Strikes(FaultKind.SendBackAnswerLost, queue.Index))
        {
            await LoseAsync(FaultKind.SendBackAnswerLost, CallTimeout, CancellationToken.None);
        }

        await ReceiveAsync(owner, CancellationToken.None);
        Ledgers[queue.Index].SafelyElsewhere(message.Offset, isHeard: true);
    }

    /// <summary>Takes a copy of a message for the retry topic, or for the dead letters when it has failed too often.</summary>
    public async Task SendCopyAsync(Owner owner, SendMessageRequest copy)
    {
        var properties = MessageProperties.Decode(Encoding.UTF8.GetBytes(copy.Properties));
        var origin = int.Parse(properties[MessageProperties.Keys].AsSpan(1), CultureInfo.InvariantCulture);
        foreach (var (queue, message) in FailedOf(origin))
        {
            Attempts.Tried(queue, message.Offset);
        }

        await SendAsync(owner, Queues[Setup.Queues], CancellationToken.None);
        var failed = FailedOf(origin);
        if (failed.Length == 0 || failed.Any(entry => Strikes(FaultKind.SendBackRefused, entry.Queue)))
        {
            throw new CallFailedException(FaultKind.SendBackRefused);
        }

        var isDead = copy.ReconsumeTimes > copy.MaxReconsumeTimes;
        if (!isDead)
        {
            Attempts.ComesAgain(failed, copy.ReconsumeTimes);
        }

        // Of a message that has come again several may have failed; the copy is of the one whose attempts it tells.
        var source = failed.Where(one => isDead && Attempts.IsRejected(one.Queue, one.Message.Offset))
            .Concat(failed.Where(one => one.Message.Attempts + 1 == copy.ReconsumeTimes))
            .Append(failed[0]).First();
        if (isDead)
        {
            Attempts.Says(source.Queue, source.Message, properties.GetValueOrDefault(MessageProperties.DeadLetterReason));
        }

        BringAgain(source.Queue, source.Message, copy.ReconsumeTimes, isDead);
        foreach (var (queue, message) in failed)
        {
            Ledgers[queue].SafelyElsewhere(message.Offset, isHeard: false);
        }

        await ReceiveAsync(owner, CancellationToken.None);
        if (failed is [var only])
        {
            Ledgers[only.Queue].SafelyElsewhere(only.Message.Offset, isHeard: true);
        }
    }

    private (int Queue, SimulatedMessage Message)[] FailedOf(int origin) => [.. Ledgers.SelectMany(ledger => ledger.Failed(origin))];

    private void BringAgain(int queue, SimulatedMessage message, int attempts, bool isDead)
    {
        if (isDead)
        {
            Attempts.GivenUp(queue, message);
            Attempts.Done(queue, message.Offset);
            DeadLetters++;
            return;
        }

        _ = Scheduler.Start("retry delay", async () =>
        {
            await Time.Delay(RetryDelay);
            Send(Queues[Setup.Queues], 0, (_, offset) => message with { Offset = offset, Attempts = attempts, IsGone = false });
        });
    }
}

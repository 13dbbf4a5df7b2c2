using System.Globalization;
using System.Text;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Simulation.World;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Simulation.Pops;

/// <summary>Queues that are pulled: those of a broker that was switched to that, and that of what failed after a pull.</summary>
internal sealed partial class PopWorld
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    // Whose copies somebody has tried to send: what is filed without a reason afterwards could not be told with one.
    private readonly HashSet<int> _copied = [];

    private PopLog Retries => Logs[Setup.Queues];

    /// <summary>Pulls, by long polling.</summary>
    public async Task<PullResult> PullAsync(PopHolder holder, PullRequest request, CancellationToken cancellationToken)
    {
        var log = holder.Source;
        await Weather.SendAsync(holder.Owner, StruckWith(log), cancellationToken);
        foreach (var refusal in Refusals)
        {
            if (Strikes(refusal, log))
            {
                throw new CallFailedException(refusal);
            }
        }

        if (request.CommitOffset > 0)
        {
            Store(log, request.CommitOffset);
        }

        if (Strikes(FaultKind.PullLost, log, 40))
        {
            await Weather.LoseAsync(FaultKind.PullLost, SimulatedWorld.Suspend + SimulatedWorld.CallTimeout, cancellationToken);
        }

        var until = Time.Now + SimulatedWorld.Suspend.Ticks;
        while (request.Offset >= log.Max && Time.Now < until)
        {
            await WaitForNewsAsync(log, until, cancellationToken);
        }

        if (Strikes(FaultKind.PullSlow, log))
        {
            await Time.Delay(_random.Between(TimeSpan.FromMilliseconds(50), SimulatedWorld.Suspend), cancellationToken);
        }

        await Weather.ReceiveAsync(holder.Owner, cancellationToken);
        return Read(log, request);
    }

    /// <summary>Where the group is; null when nothing is known of it.</summary>
    public async Task<long?> ReadOffsetAsync(Owner owner, PopLog log, CancellationToken cancellationToken)
    {
        await Weather.SendAsync(owner, StruckWith(log), cancellationToken);
        var stored = log.Stored;
        await Weather.ReceiveAsync(owner, cancellationToken);
        return stored;
    }

    /// <summary>The group is at an offset.</summary>
    public async Task WriteOffsetAsync(Owner owner, PopLog log, long offset, CancellationToken cancellationToken)
    {
        await Weather.SendAsync(owner, StruckWith(log), cancellationToken);
        Store(log, offset);
        await Weather.ReceiveAsync(owner, cancellationToken);
    }

    /// <summary>Moves a queue; the next pop begins there.</summary>
    public async Task ResetAsync(Owner owner, PopLog log, long offset, CancellationToken cancellationToken)
    {
        await Weather.SendAsync(owner, StruckWith(log), cancellationToken);
        Reset(log, offset);
        await Weather.ReceiveAsync(owner, cancellationToken);
    }

    /// <summary>Asks something about a queue.</summary>
    public async Task<T> AskAsync<T>(Owner owner, PopLog log, Func<PopLog, T> ask, CancellationToken cancellationToken)
    {
        await Weather.SendAsync(owner, StruckWith(log), cancellationToken);
        var answer = ask(log);
        await Weather.ReceiveAsync(owner, cancellationToken);
        return answer;
    }

    /// <summary>Takes a message back, to bring it again or to file it as dead.</summary>
    public async Task SendBackAsync(Owner owner, SendBackRequest request)
    {
        var message = Find(request.Message);
        await Weather.SendAsync(owner, StruckWith(message.Log), CancellationToken.None);
        if (message.Entry.IsGone || Strikes(FaultKind.SendBackRefused, message.Log))
        {
            throw new CallFailedException(FaultKind.SendBackRefused);
        }

        var isDead = request.DelayLevel < 0 || message.Attempts >= request.MaxReconsumeTimes;
        TakeBack(message.Entry, message.Attempts + 1, isDead, hasReason: _copied.Contains(message.Entry.Origin));
        if (Strikes(FaultKind.SendBackAnswerLost, message.Log))
        {
            await Weather.LoseAsync(FaultKind.SendBackAnswerLost, SimulatedWorld.CallTimeout, CancellationToken.None);
        }

        await Weather.ReceiveAsync(owner, CancellationToken.None);
    }

    /// <summary>Takes a copy of a message, to bring it again or to file it as dead.</summary>
    public async Task SendCopyAsync(Owner owner, SendMessageRequest copy)
    {
        var properties = MessageProperties.Decode(Encoding.UTF8.GetBytes(copy.Properties));
        var origin = int.Parse(properties[MessageProperties.Keys].AsSpan(1), CultureInfo.InvariantCulture);
        var isFirst = _copied.Add(origin);
        await Weather.SendAsync(owner, StruckWith(Retries), CancellationToken.None);
        if (Sources.Any(log => Strikes(FaultKind.SendBackRefused, log, 40)))
        {
            throw new CallFailedException(FaultKind.SendBackRefused);
        }

        // A copy without a reason is the second one: the broker has refused the first.
        var isDead = copy.ReconsumeTimes > copy.MaxReconsumeTimes;
        var hasReason = properties.ContainsKey(MessageProperties.DeadLetterReason) || !isFirst;
        TakeBack(Ledger.Find(origin), copy.ReconsumeTimes, isDead, hasReason);
        if (Sources.Any(log => Strikes(FaultKind.SendBackAnswerLost, log, 40)))
        {
            await Weather.LoseAsync(FaultKind.SendBackAnswerLost, SimulatedWorld.CallTimeout, CancellationToken.None);
        }

        await Weather.ReceiveAsync(owner, CancellationToken.None);
    }

    private void TakeBack(PopEntry entry, int attempts, bool isDead, bool hasReason)
    {
        if (isDead)
        {
            Ledger.Dead(entry, attempts, hasReason);
            return;
        }

        Ledger.TakenBack(entry);
        _ = Scheduler.Start("retry delay", async () =>
        {
            await Time.Delay(RetryDelay);
            Retries.Add(entry, attempts, "it had failed", Time.Now);
        });
    }

    private void Store(PopLog log, long offset)
    {
        Ledger.Stores(log, offset);
        log.Stored = offset;
        Scheduler.Note("store has", log.Id.BrokerName, log.Index, offset);
    }

    private PullResult Read(PopLog log, PullRequest request)
    {
        var read = log.Messages.Skip((int)request.Offset).Take(request.MaxMessages).ToArray();
        bool IsWanted(LoggedMessage message)
            => request.Expression is null or "*" || request.Expression == SimulatedWorld.TagOf(message.Entry.Tag);
        foreach (var message in read.Where(message => !IsWanted(message)))
        {
            message.Entry.IsWaived = true;
        }

        var wanted = read.Where(IsWanted).ToArray();
        var status = read.Length == 0 ? PullStatus.NoNewMessage : wanted.Length == 0 ? PullStatus.NoMatchedMessage : PullStatus.Found;
        return new PullResult(
            status,
            request.Offset + read.Length,
            0,
            log.Max,
            BrokerData.MasterId,
            wanted.SelectMany(message => log.Encode(message).Encode()).ToArray());
    }
}

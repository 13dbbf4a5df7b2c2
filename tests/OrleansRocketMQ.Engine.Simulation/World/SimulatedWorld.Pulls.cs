using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Simulation.Checking;

namespace OrleansRocketMQ.Engine.Simulation.World;

/// <summary>Pulls, and what they carry.</summary>
internal sealed partial class SimulatedWorld
{
    private static readonly FaultKind[] PullRefusals = [FaultKind.PullFlowControl, FaultKind.PullRefused, FaultKind.PullForgotten];

    /// <summary>Pulls, by long polling.</summary>
    public async Task<SimulatedPullAnswer> PullAsync(
        Owner owner, SimulatedQueue queue, PullRequest request, WindowRecord? window, CancellationToken cancellationToken)
    {
        var (offset, most, moves) = (request.Offset, request.MaxMessages, Ledgers[queue.Index].Moves);
        bool IsWanted(SimulatedMessage message) => request.Expression is null or "*" || request.Expression == TagOf(message.Tag);
        void Store() => Apply(queue, request.CommitOffset, new(window, IsPull: true, IsMove: false), moves);
        try
        {
            await SendAsync(owner, queue, cancellationToken);
        }
        catch (OperationCanceledException) when (request.CommitOffset > 0 && !owner.IsDead)
        {
            // It is sent: that nobody waits for the answer any more does not keep it from the broker.
            ComesLate(Store);
            throw;
        }

        foreach (var refusal in PullRefusals)
        {
            if (Strikes(refusal, queue.Index))
            {
                throw new CallFailedException(refusal);
            }
        }

        if (Strikes(FaultKind.PullLost, queue.Index, 40))
        {
            if (request.CommitOffset > 0 && _random.Chance(50))
            {
                // Stuck on its way, with what it carries.
                ComesLate(Store);
            }

            await LoseAsync(FaultKind.PullLost, Suspend + CallTimeout, cancellationToken);
        }

        if (request.CommitOffset > 0)
        {
            Store();
        }

        var answer = Strikes(FaultKind.PullRepeated, queue.Index)
            ? Repeat(queue, offset, most, IsWanted)
            : await ServeAsync(queue, offset, most, IsWanted, cancellationToken);
        if (Strikes(FaultKind.PullSlow, queue.Index))
        {
            var extra = _random.Between(TimeSpan.FromMilliseconds(50), Suspend + CallTimeout);
            await Time.Delay(extra, cancellationToken);
            if (extra > CallTimeout + CallTimeout)
            {
                throw new CallFailedException(FaultKind.PullSlow);
            }
        }

        if (Strikes(FaultKind.PullLost, queue.Index, 40))
        {
            await LoseAsync(FaultKind.PullLost, CallTimeout, cancellationToken);
        }

        await ReceiveAsync(owner, cancellationToken);
        return answer;
    }

    private async Task<SimulatedPullAnswer> ServeAsync(
        SimulatedQueue queue, long offset, int most, Func<SimulatedMessage, bool> isWanted, CancellationToken cancellationToken)
    {
        var connection = _connections.Token;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, connection);
        var until = Time.Now + Suspend.Ticks;
        while (true)
        {
            if (queue.Serve(offset, most, isWanted) is { } answer)
            {
                return answer;
            }

            if (Time.Now >= until)
            {
                return new SimulatedPullAnswer(PullVerdict.NothingNew, [], offset, queue.Max);
            }

            try
            {
                await queue.NewsAsync().WaitAsync(Time.Until(until), Time, either.Token);
            }
            catch (TimeoutException)
            {
            }
            catch (OperationCanceledException) when (connection.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                throw new CallFailedException(FaultKind.BrokerAway);
            }
        }
    }

    /// <summary>The answer to an earlier pull once more.</summary>
    private SimulatedPullAnswer Repeat(SimulatedQueue queue, long offset, int most, Func<SimulatedMessage, bool> isWanted)
    {
        var from = Math.Max(queue.Min, offset - _random.Between(1, most));
        var messages = queue.Read(from, most);
        messages.RemoveAll(message => message.Offset >= offset || !isWanted(message));
        return messages.Count == 0
            ? new SimulatedPullAnswer(PullVerdict.NothingNew, [], offset, queue.Max)
            : new SimulatedPullAnswer(PullVerdict.Found, messages, Math.Min(messages[^1].Offset + 1, offset), queue.Max);
    }

    // Until the puller hears that its call has failed, and a while longer.
    private void ComesLate(Action store)
    {
        var late = _random.Between(TimeSpan.Zero, Suspend);
        _ = Scheduler.Start("late pull", async () =>
        {
            await Time.Delay(late);
            store();
        });
    }
}

using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Engine.Simulation.Members;

/// <summary>A call, or its answer, does not arrive.</summary>
internal sealed class LostCallException(string message) : InvalidOperationException(message);

/// <summary>
/// Of calls, and of answers, that do not arrive every second one fails at once, as where a silo has died; of the others nobody ever
/// hears, as where a connection breaks: only when its listener is asked is it known that they are lost.
/// </summary>
/// <typeparam name="TOutcome">What becomes of a call.</typeparam>
internal sealed class SwallowedCalls<TOutcome>
{
    private readonly HashSet<RenewableCall> _lost = [];

    public async Task<TOutcome> SendAsync(Task<TOutcome> call, RenewableCall named, CancellationToken cancellationToken)
    {
        try
        {
            return await call;
        }
        catch (LostCallException) when (named.Number % 2 == 0)
        {
            _lost.Add(named);
            await new TaskCompletionSource().Task.WaitAsync(cancellationToken);
            throw;
        }
    }

    public Task<CallWord<TOutcome>> AskAsync(RenewableCall call)
        => Task.FromResult(new CallWord<TOutcome>(_lost.Remove(call) ? CallState.Lost : CallState.UnderWay));
}

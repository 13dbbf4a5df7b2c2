namespace OrleansRocketMQ.Engine.Scheduling;

/// <summary>
/// The token for one call of a listener or of a storage. What they register with it is code of their own, which may throw or
/// block: it runs by the scheduler, and neither holds up nor breaks whoever cancels, be it a timer, a lost lock or a stop.
/// </summary>
internal sealed class IsolatedCancellation : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly CancellationTokenRegistration _registration;
    private readonly EngineScheduler _scheduler;

    /// <param name="scheduler">Where what is registered runs.</param>
    /// <param name="when">Fires when nobody waits for the call any more.</param>
    public IsolatedCancellation(EngineScheduler scheduler, CancellationToken when)
    {
        _scheduler = scheduler;
        Token = _source.Token;
        _registration = when.UnsafeRegister(static cancellation => ((IsolatedCancellation)cancellation!).Cancel(), this);
    }

    /// <summary>What is given to the call.</summary>
    public CancellationToken Token { get; }

    /// <summary>Fires the token. Never throws, and waits for nobody.</summary>
    public void Cancel() => _scheduler.Cancel(_source);

    /// <summary>The call has ended.</summary>
    public void Dispose() => _registration.Dispose();
}

namespace OrleansRocketMQ.Engine.Scheduling;

/// <summary>
/// The token for one call of a listener or of a storage. What they register with it is code of their own, which may throw or
/// block: it runs by the scheduler, and neither holds up nor breaks whoever cancels, be it a timer, a lost lock or a stop.
/// </summary>
internal sealed class IsolatedCancellation : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly EngineScheduler _scheduler;
    private CancellationTokenRegistration _registration;

    /// <param name="scheduler">Where what is registered runs.</param>
    public IsolatedCancellation(EngineScheduler scheduler)
    {
        _scheduler = scheduler;
        Token = _source.Token;
    }

    /// <param name="scheduler">Where what is registered runs.</param>
    /// <param name="when">Fires when nobody waits for the call any more.</param>
    public IsolatedCancellation(EngineScheduler scheduler, CancellationToken when)
        : this(scheduler) => Begin(when);

    /// <summary>What is given to the call.</summary>
    public CancellationToken Token { get; }

    /// <summary>A call begins.</summary>
    /// <param name="when">Fires when nobody waits for it any more.</param>
    public void Begin(CancellationToken when)
        => _registration = when.UnsafeRegister(static cancellation => ((IsolatedCancellation)cancellation!).Cancel(), this);

    /// <summary>Fires the token. Never throws, and waits for nobody.</summary>
    public void Cancel() => _scheduler.Cancel(_source);

    /// <summary>The call has ended; what it has registered with the token is forgotten.</summary>
    /// <returns>Whether another call can have the token: not when it has fired.</returns>
    public bool TryEnd()
    {
        _registration.Dispose();
        return _source.TryReset();
    }

    /// <summary>The call has ended.</summary>
    public void Dispose() => _registration.Dispose();
}

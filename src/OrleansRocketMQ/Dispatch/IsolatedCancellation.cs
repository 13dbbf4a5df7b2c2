namespace OrleansRocketMQ.Dispatch;

/// <summary>
/// The token for one call of a listener or of a storage. What they register with it is code of their own, which may throw or
/// block: it runs on a thread of the pool, and neither holds up nor breaks whoever cancels, be it a timer, a lost lock or a stop.
/// </summary>
internal sealed class IsolatedCancellation : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly CancellationTokenRegistration _registration;

    /// <param name="when">Fires when nobody waits for the call any more.</param>
    public IsolatedCancellation(CancellationToken when)
    {
        Token = _source.Token;
        _registration = when.UnsafeRegister(static cancellation => ((IsolatedCancellation)cancellation!).Cancel(), this);
    }

    /// <summary>What is given to the call.</summary>
    public CancellationToken Token { get; }

    /// <summary>Fires the token. Never throws, and waits for nobody.</summary>
    public void Cancel() => CancelApart(_source);

    /// <summary>Fires a source; what its callbacks throw is theirs, and what they do is not waited for.</summary>
    public static void CancelApart(CancellationTokenSource source) => _ = source.CancelAsync().ContinueWith(
        static ended => _ = ended.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);

    /// <summary>The call has ended.</summary>
    public void Dispose() => _registration.Dispose();
}

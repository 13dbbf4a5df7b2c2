namespace OrleansRocketMQ.Fuzz.Kernel;

/// <summary>
/// Looks whether an input has been with its decoder for too long. A decoder that hangs cannot be ended, so the process is; the input
/// is written down first.
/// </summary>
internal sealed class Hangs : IDisposable
{
    /// <summary>Far more than any input needs, on cores that are busy with other work as well.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly Timer _timer;
    private Current? _current;

    public Hangs() => _timer = new Timer(_ => Look(), null, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(5));

    public void Begin(string target, byte[] input) => Volatile.Write(ref _current, new(target, input, Environment.TickCount64));

    public void End() => Volatile.Write(ref _current, null);

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        if (Volatile.Read(ref _current) is { } current && Environment.TickCount64 - current.Since > Limit.TotalMilliseconds)
        {
            Environment.FailFast($"The decoder of {current.Target} hangs on {Convert.ToBase64String(current.Input)}");
        }
    }

    private sealed record Current(string Target, byte[] Input, long Since);
}

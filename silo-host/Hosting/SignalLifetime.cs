namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>
/// In the place of the host's own console lifetime, which takes a signal that comes during the start for a failure of it.
/// <see cref="StopSignals"/> sees the signals and says what they mean.
/// </summary>
internal sealed class SignalLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

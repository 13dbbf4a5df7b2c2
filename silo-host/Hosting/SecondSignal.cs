using System.Runtime.InteropServices;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>The first SIGINT or SIGTERM lets the host stop in good order, which may take a while; the second ends it at once.</summary>
internal sealed class SecondSignal : IDisposable
{
    private readonly PosixSignalRegistration[] _registrations;
    private int _signals;

    public SecondSignal() => _registrations = [PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal), PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal)];

    public void Dispose()
    {
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        if (Interlocked.Increment(ref _signals) > 1)
        {
            Console.Error.WriteLine("silo-host ends at once: what its listeners have not finished comes again.");
            Environment.Exit(ExitCode.Failure);
        }
    }
}

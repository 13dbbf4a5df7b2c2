using System.Runtime.InteropServices;
using OrleansRocketMQ.SiloHost.Errors;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>
/// SIGINT and SIGTERM, for the whole life of the process. Until the silo has joined its cluster, the first one calls off the
/// start and the process ends within two seconds; from then on it asks for an ordinary stop, and a second one ends the process
/// at once. Thread-safe.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    // Two seconds are promised; the rest of them is for the process to go.
    private static readonly TimeSpan EndBy = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan LeaveBy = TimeSpan.FromSeconds(1.3);
    private static readonly TimeSpan SettleBy = TimeSpan.FromSeconds(0.7);

    private readonly CancellationTokenSource _asked = new();
    private readonly CancellationTokenSource _calledOff = new();
    private readonly CancellationTokenSource _settleBy = new();
    private readonly CancellationTokenSource _leaveBy = new();
    private readonly Lock _gate = new();
    private readonly PosixSignalRegistration[] _registrations;
    private Phase _phase;

    public StopSignals() => _registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
        PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),
    ];

    private enum Phase
    {
        Starting,
        CalledOff,
        Joined,
        Stopping,
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Asked => _asked.Token;

    /// <summary>Cancelled by a signal that comes before the silo has joined.</summary>
    public CancellationToken CalledOff => _calledOff.Token;

    /// <summary>Cancelled when a start that was called off should have given up.</summary>
    public CancellationToken SettleDeadline => _settleBy.Token;

    /// <summary>Cancelled when there is no more time to leave the cluster's list of silos.</summary>
    public CancellationToken LeaveDeadline => _leaveBy.Token;

    /// <summary>What the process ends with when its start is called off.</summary>
    public int CalledOffExitCode { get; set; } = ExitCode.Success;

    /// <summary>The silo is in its cluster. From here on a stop takes the time it needs.</summary>
    /// <returns>False: the start has been called off.</returns>
    public bool TryJoin()
    {
        lock (_gate)
        {
            if (_phase == Phase.Starting)
            {
                _phase = Phase.Joined;
            }

            return _phase != Phase.CalledOff;
        }
    }

    public void Dispose()
    {
        // The sources stay: a signal that is being handled now may still cancel them.
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }
    }

    // Runs on a thread of its own, whatever the others are busy with.
    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        switch (Next())
        {
            case Phase.Starting:
                new Thread(EndInTime) { IsBackground = true, Name = "stop deadline" }.Start();
                _settleBy.CancelAfter(SettleBy);
                _leaveBy.CancelAfter(LeaveBy);
                _asked.Cancel();
                _calledOff.Cancel();
                break;
            case Phase.Joined:
                _asked.Cancel();
                break;
            case Phase.Stopping:
                Console.Error.WriteLine("silo-host ends at once: what its listeners have not finished comes again.");
                Environment.Exit(ExitCode.Failure);
                break;
            case Phase.CalledOff:
                break; // It ends within moments anyway.
        }
    }

    /// <returns>The phase the signal came in.</returns>
    private Phase Next()
    {
        lock (_gate)
        {
            var phase = _phase;
            _phase = phase switch
            {
                Phase.Starting => Phase.CalledOff,
                Phase.Joined => Phase.Stopping,
                _ => phase,
            };
            return phase;
        }
    }

    // For a start that hangs in a call that knows no cancellation, or in one that does not return at all.
    private void EndInTime()
    {
        Thread.Sleep(EndBy);
        Environment.Exit(CalledOffExitCode);
    }
}

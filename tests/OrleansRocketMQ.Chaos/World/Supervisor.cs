using System.Collections.Concurrent;
using OrleansRocketMQ.Chaos.Plan;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>Starts a silo anew when one has ended, as a service manager does, and tells whether it may have.</summary>
internal sealed class Supervisor(RoundPlan plan, SiloFleet silos, RoundEvents events)
{
    /// <summary>What silo-host prints when Orleans tells it that the others have declared it dead.</summary>
    private const string GivenUp = "silo-host ends at once: I have been told I am dead";

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(250);

    private readonly ConcurrentQueue<string> _complaints = [];
    private int _restarts;

    /// <summary>What must not be. After the end.</summary>
    public IReadOnlyCollection<string> Complaints => _complaints;

    /// <summary>Silos that others had declared dead.</summary>
    public int Restarts => _restarts;

    /// <summary>Until it is called off.</summary>
    public async Task WatchAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            foreach (var ended in silos.TakeEnded())
            {
                events.Add($"{ended.Name} has ended by itself");
                if (ComplaintOf(plan, ended.Program.Errors) is { } complaint)
                {
                    _complaints.Enqueue($"{ended.Name} {complaint}");
                }

                _restarts++;
                await StartAsync();
            }

            await Task.Delay(Look, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Starts a silo until it is in.</summary>
    public async Task StartAsync()
    {
        var (silo, failed) = await silos.StartPatientlyAsync();
        events.Add($"{silo.Name} runs as process {silo.Program.Id} on port {silo.Port}{(failed > 0 ? $", after {failed} that could not get in" : string.Empty)}");
        if (failed > 0 && !plan.Faults.Any(fault => fault.MayKeepOut))
        {
            _complaints.Enqueue($"{failed} starts of silos failed, and nothing happened that keeps one out");
        }
    }

    /// <summary>What must not be about a silo that has ended.</summary>
    /// <param name="plan">What goes wrong in the round.</param>
    /// <param name="errors">What the silo has printed as errors.</param>
    /// <returns>Null when nothing is.</returns>
    public static string? ComplaintOf(RoundPlan plan, IReadOnlyList<string> errors) => errors.Any(line => line.StartsWith(GivenUp, StringComparison.Ordinal))
        ? plan.Faults.Any(fault => fault.MayBeGivenUp) ? null : "was declared dead by the others, and nothing happened that silences one"
        : $"has ended by itself: {string.Join(Environment.NewLine, errors.TakeLast(20))}";
}

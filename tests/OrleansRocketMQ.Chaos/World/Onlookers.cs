using System.Text.Json;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>Somebody looks at the dashboard of each silo in turn, all the time, and at its health.</summary>
internal sealed class Onlookers(SiloFleet silos)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan AnswersWithin = TimeSpan.FromSeconds(5);

    /// <summary>How often a dashboard has shown all groups.</summary>
    public int Shown { get; private set; }

    /// <summary>How often it could not: its silo has ended, stands still, or reaches no other one.</summary>
    public int Failed { get; private set; }

    /// <summary>What must not be. After the end.</summary>
    public IEnumerable<string> Complaints => Shown == 0 ? [$"no dashboard has shown the groups, of {Failed} that were asked"] : [];

    /// <summary>Until it is called off.</summary>
    public async Task LookAsync(CancellationToken cancellationToken)
    {
        for (var turn = 0; !cancellationToken.IsCancellationRequested; turn++)
        {
            if (silos.Running is { Count: > 0 } running)
            {
                await LookAsync(running[turn % running.Count]);
            }

            await Task.Delay(Pause, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task LookAsync(StartedSilo silo)
    {
        using var who = new Operator(silo, AnswersWithin);
        try
        {
            foreach (var group in RoundTopics.All)
            {
                await who.GroupAsync(group);
            }

            await who.HealthAsync();
            Shown++;
        }
        catch (Exception exception) when (exception is HttpRequestException or InvalidOperationException or OperationCanceledException or JsonException or KeyNotFoundException)
        {
            Failed++;
        }
    }
}

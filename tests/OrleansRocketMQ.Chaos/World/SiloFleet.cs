using System.Collections.Concurrent;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>The silos of a round: silo-host over Redis, each with listeners that write down what they consume.</summary>
internal sealed class SiloFleet(string folder, string redis, string nameServer, bool pops, Links links) : IAsyncDisposable
{
    // A crash is noticed after two seconds and not after 15.
    private static readonly string[] s_quickly = ["--Orleans:Membership:ProbeTimeout=00:00:01", "--Orleans:Membership:NumMissedProbesLimit=2"];

    /// <summary>Five at once, on cores that are busy with other work.</summary>
    private static readonly TimeSpan LongestStart = TimeSpan.FromMinutes(4);

    private readonly ConcurrentBag<RunningProgram> _all = [];
    private readonly Lock _gate = new();
    private readonly List<RunningProgram> _running = [];
    private readonly string _cluster = $"chaos-{Guid.NewGuid():N}";
    private int _started;

    /// <summary>The files that listeners write to.</summary>
    public IEnumerable<string> Records => Directory.EnumerateFiles(folder, "records-*");

    /// <summary>What all silos of the round have printed as errors.</summary>
    public IEnumerable<string> Printed => _all.SelectMany(silo => silo.Errors.Concat(silo.Output));

    public async Task StartAsync()
    {
        var number = Interlocked.Increment(ref _started);
        var ports = FreePorts.Take(3);
        var silo = RunningProgram.Start(
            "silo-host-redis",
            [
                $"--Orleans:Endpoints:SiloPort={ports[0]}", $"--Orleans:Endpoints:GatewayPort={ports[1]}", $"--Urls=http://127.0.0.1:{ports[2]}",
                "--Orleans:Endpoints:AdvertisedIPAddress=127.0.0.1", $"--Orleans:ClusterId={_cluster}", "--Orleans:ServiceId=chaos",
                "--Orleans:Clustering:ProviderType=Redis", $"--Orleans:Clustering:ConnectionString={redis}",
                "--Orleans:GrainStorage:Default:ProviderType=Redis", $"--Orleans:GrainStorage:Default:ConnectionString={redis}",
                $"--RocketMQ:NameServer={nameServer}", $"--Listeners:Path={RunningProgram.PathOf("listeners")}",
                .. RoundTopics.All.Select(group => $"--RocketMQ:Consumers:{group}:ConsumeFromWhere=FirstOffset"),
                .. pops ? new[] { $"--RocketMQ:Consumers:{RoundTopics.Any}:ConsumeMode=Pop" } : [],
                .. s_quickly,
            ],
            ("CHAOS_RECORDS", Path.Join(folder, $"records-{number}")));
        links.Processes[silo.Id] = true;
        _all.Add(silo);
        await Eventually.TrueAsync(
            () => silo.HasEnded || silo.Output.Count(line => line.EndsWith(" has started", StringComparison.Ordinal)) == RoundTopics.All.Count,
            () => $"a silo runs. It printed:{Environment.NewLine}{silo.Everything}",
            LongestStart);
        if (silo.HasEnded)
        {
            throw new InvalidOperationException($"A silo could not start: {silo.Everything}");
        }

        lock (_gate)
        {
            _running.Add(silo);
        }
    }

    /// <summary>Takes one out of those that run.</summary>
    /// <returns>Null when there is but one.</returns>
    public RunningProgram? Take(int target)
    {
        lock (_gate)
        {
            if (_running.Count < 2)
            {
                return null;
            }

            var silo = _running[target % _running.Count];
            _running.Remove(silo);
            return silo;
        }
    }

    public void GiveBack(RunningProgram silo)
    {
        lock (_gate)
        {
            _running.Add(silo);
        }
    }

    /// <summary>Every silo that ended by itself: not one may.</summary>
    public IReadOnlyList<RunningProgram> EndedByThemselves()
    {
        lock (_gate)
        {
            return [.. _running.Where(silo => silo.HasEnded)];
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var silo in _all)
        {
            await silo.DisposeAsync();
        }
    }
}

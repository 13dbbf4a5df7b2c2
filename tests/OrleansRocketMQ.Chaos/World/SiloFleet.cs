using System.Collections.Concurrent;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>The silos of a round: silo-host over Redis, each with listeners that write down what they consume.</summary>
/// <param name="folder">Where they write.</param>
/// <param name="redis">Membership and grain state.</param>
/// <param name="nameServer">What they consume from.</param>
/// <param name="groups">The groups that run.</param>
/// <param name="settings">Arguments of all silos.</param>
/// <param name="links">Their connections.</param>
internal sealed class SiloFleet(
    string folder, string redis, string nameServer, IReadOnlyList<string> groups, IReadOnlyList<string> settings, Links links)
    : IAsyncDisposable
{
    /// <summary>Five at once, on cores that are busy with other work.</summary>
    private static readonly TimeSpan LongestStart = TimeSpan.FromMinutes(4);

    private readonly ConcurrentBag<RunningProgram> _all = [];
    private readonly Lock _gate = new();
    private readonly List<RunningProgram> _running = [];
    private readonly string _cluster = $"chaos-{Guid.NewGuid():N}";
    private int _started;

    /// <summary>While it exists a silo does not end one of its messages.</summary>
    public string HoldFile { get; } = Path.Join(folder, "hold");

    /// <summary>While it exists nothing succeeds in order.</summary>
    public string RefuseFile { get; } = Path.Join(folder, "refuse");

    /// <summary>The files that listeners write to.</summary>
    public IEnumerable<string> Records => Directory.EnumerateFiles(folder, "records-*");

    /// <summary>What all silos of the round have printed as errors.</summary>
    public IEnumerable<string> Printed => _all.SelectMany(silo => silo.Errors.Concat(silo.Output));

    /// <param name="build">Which silo-host; null: the present one.</param>
    /// <param name="name">Its name, under which a broadcasting group's progress is kept; null: its own.</param>
    public async Task<StartedSilo> StartAsync(SiloBuild? build = null, string? name = null)
    {
        build ??= SiloBuild.Present;
        var number = Interlocked.Increment(ref _started);
        name ??= $"silo-{number}";
        var ports = FreePorts.Take(3);
        var records = Path.Join(folder, $"records-{name}-{number}");
        var silo = RunningProgram.StartCommand(
            [RunningProgram.DotNet, build.Program, .. ArgumentsOf(build, name, ports)],
            ("CHAOS_RECORDS", records), ("CHAOS_HOLD", HoldFile), ("CHAOS_REFUSE", RefuseFile), ("DASHBOARD__ACTSECRET", Operator.Secret));
        links.Processes[silo.Id] = true;
        _all.Add(silo);
        await Eventually.TrueAsync(
            () => silo.HasEnded || silo.Output.Count(line => line.EndsWith(" has started", StringComparison.Ordinal)) == groups.Count,
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

        return new(silo, build, name, ports[0], new($"http://127.0.0.1:{ports[2]}/"), records);
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

    /// <summary>A silo is taken out of those that run.</summary>
    public void Leave(StartedSilo silo)
    {
        lock (_gate)
        {
            _running.Remove(silo.Program);
        }
    }

    private IEnumerable<string> ArgumentsOf(SiloBuild build, string name, int[] ports) =>
    [
        $"--Orleans:Endpoints:SiloPort={ports[0]}", $"--Orleans:Endpoints:GatewayPort={ports[1]}", $"--Urls=http://127.0.0.1:{ports[2]}",
        "--Orleans:Endpoints:AdvertisedIPAddress=127.0.0.1", $"--Orleans:ClusterId={_cluster}", "--Orleans:ServiceId=chaos",
        $"--Orleans:Name={name}",
        "--Orleans:Clustering:ProviderType=Redis", $"--Orleans:Clustering:ConnectionString={redis}",
        "--Orleans:GrainStorage:Default:ProviderType=Redis", $"--Orleans:GrainStorage:Default:ConnectionString={redis}",
        $"--RocketMQ:NameServer={nameServer}", $"--Listeners:Path={build.Listeners}",
        .. RoundTopics.Groups.Select(group => $"--RocketMQ:Consumers:{group}:ConsumeFromWhere=FirstOffset"),
        .. RoundTopics.Groups.Except(groups).Select(group => $"--RocketMQ:Consumers:{group}:AutoStart=false"),
        .. settings,
        .. build.Settings,
    ];

    public async ValueTask DisposeAsync()
    {
        foreach (var silo in _all)
        {
            await silo.DisposeAsync();
        }
    }
}

/// <summary>A silo that runs.</summary>
/// <param name="Program">Its process.</param>
/// <param name="Build">What it was built from.</param>
/// <param name="Name">Its name.</param>
/// <param name="Port">Where other silos reach it.</param>
/// <param name="Web">Where its dashboard and its health are.</param>
/// <param name="Records">The file its listeners write to.</param>
internal sealed record StartedSilo(RunningProgram Program, SiloBuild Build, string Name, int Port, Uri Web, string Records)
{
    /// <summary>Whether it has ended without a word.</summary>
    public bool WasKilled { get; set; }
}

using System.Collections.Concurrent;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>The silos of a round: silo-host, each with listeners that write down what they consume.</summary>
/// <param name="folder">Where they write.</param>
/// <param name="store">Arguments that say where membership and grain state are.</param>
/// <param name="nameServer">What they consume from.</param>
/// <param name="groups">The groups that run.</param>
/// <param name="settings">Arguments of all silos.</param>
/// <param name="links">Their connections.</param>
internal sealed class SiloFleet(
    string folder, IReadOnlyList<string> store, string nameServer, IReadOnlyList<string> groups, IReadOnlyList<string> settings, Links links)
    : IAsyncDisposable
{
    /// <summary>Five at once, on cores that are busy with other work.</summary>
    private static readonly TimeSpan LongestStart = TimeSpan.FromMinutes(4);

    /// <summary>One that cannot get in is started again, as Kubernetes does it; faults are over in less.</summary>
    private const int MostStarts = 20;

    private readonly ConcurrentBag<(string Name, RunningProgram Program)> _all = [];
    private readonly Lock _gate = new();
    private readonly List<StartedSilo> _running = [];
    private readonly string _cluster = $"chaos-{Guid.NewGuid():N}";
    private int _count;

    /// <summary>Whether silos reach each other over links as well, and not directly.</summary>
    public bool IsLinked { get; init; }

    /// <summary>Which silo-host runs unless somebody says otherwise.</summary>
    public SiloBuild Build { get; init; } = SiloBuild.Present;

    /// <summary>Those that run, in the order of their starts.</summary>
    public IReadOnlyList<StartedSilo> Running
    {
        get
        {
            lock (_gate)
            {
                return [.. _running];
            }
        }
    }

    /// <summary>Arguments of all silos that start from now on, beside those that all have.</summary>
    public IReadOnlyList<string> Later { get; set; } = [];

    /// <summary>While it exists a silo does not end one of its messages.</summary>
    public string HoldFile { get; } = Path.Join(folder, "hold");

    /// <summary>While it exists nothing succeeds in order.</summary>
    public string RefuseFile { get; } = Path.Join(folder, "refuse");

    /// <summary>While it exists all messages take long.</summary>
    public string SlowFile { get; } = Path.Join(folder, "slow");

    /// <summary>The files that listeners write to.</summary>
    public IEnumerable<string> Records => Directory.EnumerateFiles(folder, "records-*");

    /// <summary>Writes down what each silo has printed, in a file of its own.</summary>
    public async Task WriteLogsAsync()
    {
        foreach (var (name, program) in _all)
        {
            await File.WriteAllLinesAsync(Path.Join(folder, $"{name}-{program.Id}.log"), program.Output.Concat(program.Errors));
        }
    }

    /// <param name="build">Which silo-host; null: the usual one.</param>
    /// <param name="name">Its name, under which a broadcasting group's progress is kept; null: its own.</param>
    public async Task<StartedSilo> StartAsync(SiloBuild? build = null, string? name = null)
    {
        build ??= Build;
        var number = Interlocked.Increment(ref _count);
        name ??= $"silo-{number}";
        var ports = FreePorts.Take(3);
        var records = Path.Join(folder, $"records-{name}-{number}");
        if (IsLinked)
        {
            links.Open(ports[0]);
        }

        var silo = RunningProgram.StartCommand(
            [RunningProgram.DotNet, build.Program, .. ArgumentsOf(build, name, ports)],
            ("CHAOS_RECORDS", records), ("CHAOS_HOLD", HoldFile), ("CHAOS_REFUSE", RefuseFile), ("CHAOS_SLOW", SlowFile), ("DASHBOARD__ACTSECRET", Operator.Secret));
        links.Processes[silo.Id] = true;
        _all.Add((name, silo));
        await Eventually.TrueAsync(
            () => silo.HasEnded || silo.Output.Count(line => line.EndsWith(" has started", StringComparison.Ordinal)) == groups.Count,
            () => $"a silo runs. It printed:{Environment.NewLine}{silo.Everything}",
            LongestStart);
        if (silo.HasEnded)
        {
            throw new InvalidOperationException($"{name} could not start: {(silo.Errors is [.., var last] ? last : silo.Everything)}");
        }

        var started = new StartedSilo(silo, build, name, ports[0], new($"http://127.0.0.1:{ports[2]}/"), records);
        GiveBack(started);
        return started;
    }

    /// <summary>Starts one, again and again until it is in.</summary>
    /// <returns>It, and how often it could not get in.</returns>
    public async Task<(StartedSilo Silo, int Failed)> StartPatientlyAsync()
    {
        for (var failed = 0; ; failed++)
        {
            try
            {
                return (await StartAsync(), failed);
            }
            catch (InvalidOperationException) when (failed < MostStarts)
            {
                await Task.Delay(TimeSpan.FromSeconds(1));
            }
        }
    }

    /// <summary>Takes one out of those that run.</summary>
    /// <returns>Null when there is but one.</returns>
    public StartedSilo? Take(int target)
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

    /// <summary>Takes one out of those that run.</summary>
    /// <returns>False when it is not there, or when there is but one.</returns>
    public bool TryTake(StartedSilo silo)
    {
        lock (_gate)
        {
            return _running.Count > 1 && _running.Remove(silo);
        }
    }

    public void GiveBack(StartedSilo silo)
    {
        lock (_gate)
        {
            _running.Add(silo);
        }
    }

    /// <summary>Takes out every silo that ended by itself.</summary>
    public IReadOnlyList<StartedSilo> TakeEnded()
    {
        lock (_gate)
        {
            StartedSilo[] ended = [.. _running.Where(silo => silo.Program.HasEnded)];
            _running.RemoveAll(ended.Contains);
            return ended;
        }
    }

    /// <summary>A silo is taken out of those that run.</summary>
    public void Leave(StartedSilo silo)
    {
        lock (_gate)
        {
            _running.Remove(silo);
        }
    }

    private IEnumerable<string> ArgumentsOf(SiloBuild build, string name, int[] ports) =>
    [
        $"--Orleans:Endpoints:SiloPort={ports[0]}", $"--Orleans:Endpoints:GatewayPort={ports[1]}", $"--Urls=http://127.0.0.1:{ports[2]}",
        .. AddressesOf(ports),
        $"--Orleans:ClusterId={_cluster}", "--Orleans:ServiceId=chaos", $"--Orleans:Name={name}",
        .. store,
        $"--RocketMQ:NameServer={nameServer}", $"--Listeners:Path={build.Listeners}",
        .. build.Groups.Select(group => $"--RocketMQ:Consumers:{group}:ConsumeFromWhere=FirstOffset"),
        .. build.Groups.Except(groups).Select(group => $"--RocketMQ:Consumers:{group}:AutoStart=false"),
        .. settings,
        .. Later,
        .. build.Settings,
    ];

    private string[] AddressesOf(int[] ports) => IsLinked
        ?
        [
            $"--Orleans:Endpoints:AdvertisedIPAddress={Links.Told}",
            $"--Orleans:Endpoints:SiloListeningEndpoint={Links.Real}:{ports[0]}",
            $"--Orleans:Endpoints:GatewayListeningEndpoint={Links.Real}:{ports[1]}",
        ]
        : ["--Orleans:Endpoints:AdvertisedIPAddress=127.0.0.1"];

    public async ValueTask DisposeAsync()
    {
        foreach (var (_, program) in _all)
        {
            await program.DisposeAsync();
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
    public SiloAtLinks AtLinks { get; } = new(Program.Id, Port);

    /// <summary>Whether it has ended without a word.</summary>
    public bool WasKilled { get; set; }
}

namespace OrleansRocketMQ.SiloHost.Support;

/// <summary>The silo host on ports nobody else has.</summary>
internal sealed class SiloHostProgram(RunningProgram program, string url, int siloPort, int gatewayPort) : IAsyncDisposable
{
    public RunningProgram Program => program;

    public string Url => url;

    public int SiloPort => siloPort;

    public int GatewayPort => gatewayPort;

    public static SiloHostProgram Start(params string[] arguments) => Start(arguments, []);

    public static SiloHostProgram Start(string[] arguments, params (string Name, string Value)[] environment) => Start("silo-host", arguments, environment);

    public static SiloHostProgram Start(string program, string[] arguments, params (string Name, string Value)[] environment)
        => StartOnFreePorts(own => RunningProgram.Start(program, [.. own, .. arguments], environment));

    /// <summary>Starts it with what it prints going into a file.</summary>
    public static SiloHostProgram StartWithOutputTo(string file)
        => StartOnFreePorts(own => RunningProgram.StartCommand(
            ["sh", "-c", $"exec \"$@\" > {file}", "sh", RunningProgram.DotNet, RunningProgram.PathOf("silo-host"), .. own]));

    private static SiloHostProgram StartOnFreePorts(Func<string[], RunningProgram> start)
    {
        var ports = FreePorts.Take(3);
        var url = $"http://127.0.0.1:{ports[2]}";
        string[] own = [$"--Orleans:Endpoints:SiloPort={ports[0]}", $"--Orleans:Endpoints:GatewayPort={ports[1]}", $"--Urls={url}"];
        return new SiloHostProgram(start(own), url, ports[0], ports[1]);
    }

    /// <summary>Runs it to its end.</summary>
    public static async Task<(int ExitCode, RunningProgram Program)> RunAsync(params string[] arguments)
    {
        await using var host = Start(arguments);
        return (await host.Program.UntilEndedAsync(), host.Program);
    }

    /// <summary>Waits until it says that it stops.</summary>
    public Task UntilItStopsAsync() => UntilReadinessTellsAsync("the host stops");

    /// <summary>Waits until its readiness tells something.</summary>
    public async Task UntilReadinessTellsAsync(string text)
    {
        using var http = new HttpClient { BaseAddress = new Uri(url) };
        var told = string.Empty;
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    using var response = await http.GetAsync(new Uri("/health/ready", UriKind.Relative));
                    told = await response.Content.ReadAsStringAsync();
                    return told.Contains(text, StringComparison.Ordinal);
                }
                catch (HttpRequestException)
                {
                    return false; // Not up yet.
                }
            },
            () => $"readiness tells '{text}'; it tells '{told}'. The host printed:{Environment.NewLine}{program.Everything}");
    }

    public ValueTask DisposeAsync() => program.DisposeAsync();
}

using System.Diagnostics;
using System.Globalization;
using System.Reflection;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>Name server and brokers in a process of their own; killed and started again on the same files and ports.</summary>
internal sealed class BrokerProcess(string folder) : IAsyncDisposable
{
    private readonly int[] _ports = FreePorts.Take(4);
    private Process? _process;

    public IReadOnlyList<int> Ports => _ports;

    public int NameServerPort => _ports[0];

    public string NameServer => $"{Links.Told}:{NameServerPort}";

    public async Task StartAsync()
    {
        var start = new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
            [Assembly.GetExecutingAssembly().Location, "brokers", folder, .. _ports.Select(port => port.ToString(CultureInfo.InvariantCulture))])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        _process = Process.Start(start)!;
        await UntilPrintedAsync("ready");
    }

    public async Task TellAsync(string command)
    {
        await _process!.StandardInput.WriteLineAsync(command);
        await _process.StandardInput.FlushAsync();
        await UntilPrintedAsync(command);
    }

    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
    }

    public Task SuspendAsync() => SignalAsync("STOP");

    public Task ResumeAsync() => SignalAsync("CONT");

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            await KillAsync();
        }

        _process?.Dispose();
    }

    private async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", _process!.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    private async Task UntilPrintedAsync(string line)
    {
        while (await _process!.StandardOutput.ReadLineAsync() is { } printed)
        {
            if (printed == line)
            {
                return;
            }
        }

        throw new InvalidOperationException($"The brokers' process has ended before it said '{line}'.");
    }
}

using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace OrleansRocketMQ.Samples.Tests;

/// <summary>A sample as its users run it: a process of its own.</summary>
internal sealed class SampleProcess : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(90);

    private readonly Process _process;
    private readonly List<string> _lines = [];
    private readonly Lock _gate = new();

    private SampleProcess(Process process) => _process = process;

    public string Output
    {
        get
        {
            lock (_gate)
            {
                return string.Join('\n', _lines);
            }
        }
    }

    public static SampleProcess Start(string sample, params string[] arguments)
    {
        // bin/{configuration}/{framework} of this project; the samples were built with the same two.
        var output = new DirectoryInfo(AppContext.BaseDirectory);
        var root = output.Parent!.Parent!.Parent!.Parent!.Parent!;
        var dll = Path.Combine(root.FullName, "samples", sample, "bin", output.Parent.Name, output.Name, sample + ".dll");
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(dll);
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        var sampleProcess = new SampleProcess(Process.Start(start)!);
        sampleProcess._process.OutputDataReceived += sampleProcess.Keep;
        sampleProcess._process.ErrorDataReceived += sampleProcess.Keep;
        sampleProcess._process.BeginOutputReadLine();
        sampleProcess._process.BeginErrorReadLine();
        return sampleProcess;
    }

    public static int FreePort()
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    public async Task<int> ExitCodeAsync()
    {
        using var deadline = new CancellationTokenSource(Deadline);
        await _process.WaitForExitAsync(deadline.Token);
        return _process.ExitCode;
    }

    public async Task SaysAsync(string text)
    {
        var start = Stopwatch.GetTimestamp();
        while (!Output.Contains(text, StringComparison.Ordinal))
        {
            if (_process.HasExited || Stopwatch.GetElapsedTime(start) > Deadline)
            {
                throw new TimeoutException($"'{text}' was not said. Output:\n{Output}");
            }

            await Task.Delay(20);
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        if (line.Data is not null)
        {
            lock (_gate)
            {
                _lines.Add(line.Data);
            }
        }
    }
}

using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.SiloHost.Support;

/// <summary>A program of this repository, run as a user runs it: a process of its own that is known by what it prints.</summary>
internal sealed class RunningProgram : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Lock _gate = new();
    private readonly List<string> _output = [];
    private readonly List<string> _errors = [];

    private RunningProgram(Process process) => _process = process;

    public IReadOnlyList<string> Output => Copy(_output);

    public IReadOnlyList<string> Errors => Copy(_errors);

    /// <summary>The number the system knows it by.</summary>
    public int Id => _process.Id;

    public bool HasEnded => _process.HasExited;

    public string Everything => string.Join(Environment.NewLine, [.. Output, .. Errors]);

    public static string DotNet => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    /// <param name="name">The program, as in the project file.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="environment">Added to what it inherits.</param>
    public static RunningProgram Start(string name, IEnumerable<string> arguments, params (string Name, string Value)[] environment)
        => StartCommand([DotNet, PathOf(name), .. arguments], environment);

    /// <summary>Starts any program, by its path or by its name on the path.</summary>
    public static RunningProgram StartCommand(string[] command, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            // Settings must be found wherever a program is started from.
            WorkingDirectory = Path.GetTempPath(),
        };
        foreach (var (key, value) in environment)
        {
            start.Environment[key] = value;
        }

        HeedCtrlC();
        var running = new RunningProgram(new Process { StartInfo = start });
        running._process.OutputDataReceived += (_, line) => running.Note(running._output, line.Data);
        running._process.ErrorDataReceived += (_, line) => running.Note(running._errors, line.Data);
        running._process.Start();
        running._process.StandardInput.Close();
        running._process.BeginOutputReadLine();
        running._process.BeginErrorReadLine();
        return running;
    }

    /// <summary>Where something the tests need is, as in the project file.</summary>
    public static string PathOf(string name) => typeof(RunningProgram).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(metadata => metadata.Key == name).Value!;

    /// <summary>Waits until it prints a line that holds the text.</summary>
    public async Task<string> UntilPrintedAsync(string text)
    {
        string? found = null;
        await Eventually.TrueAsync(
            () => (found = Output.FirstOrDefault(line => line.Contains(text, StringComparison.Ordinal))) is not null || _process.HasExited,
            () => $"'{text}' is printed. All that was:{Environment.NewLine}{Everything}");
        return found
            ?? Output.FirstOrDefault(line => line.Contains(text, StringComparison.Ordinal))
            ?? throw new InvalidOperationException($"It ended before it printed '{text}'. All that it printed:{Environment.NewLine}{Everything}");
    }

    /// <summary>Waits until it sees to signals itself, which is the first thing its Main does: before that, .NET ends it.</summary>
    public Task UntilItSeesSignalsAsync()
    {
        // What the system tells of signals does not tell whose handler is in place: the runtime has one for SIGTERM from early on, and
        // for SIGINT where that is not ignored. A host's builder comes behind the first statement, and with it the first of these.
        const string Later = "Microsoft.Extensions.";
        return Eventually.TrueAsync(
            () => _process.HasExited || HasLoaded(),
            () => $"it sees signals. It printed:{Environment.NewLine}{Everything}");

        bool HasLoaded()
        {
            try
            {
                return File.ReadLines($"/proc/{_process.Id}/maps").Any(line => line.Contains(Later, StringComparison.Ordinal));
            }
            catch (IOException)
            {
                return false; // It has ended meanwhile.
            }
        }
    }

    /// <summary>Tells it to stop, and waits until it has ended.</summary>
    /// <returns>Its exit code, and how long that took.</returns>
    public async Task<(int ExitCode, TimeSpan Took)> StopAsync()
    {
        var signalled = TimeProvider.System.GetTimestamp();
        Terminate();
        var exitCode = await UntilEndedAsync();
        return (exitCode, TimeProvider.System.GetElapsedTime(signalled));
    }

    /// <summary>Waits until it has ended, and all its output was read.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> UntilEndedAsync()
    {
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        try
        {
            await _process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"It did not end. All that it printed:{Environment.NewLine}{Everything}");
        }

        return _process.ExitCode;
    }

    /// <summary>What Ctrl+C does.</summary>
    public void Interrupt()
    {
        const int Sigint = 2;
        Send(Sigint);
    }

    /// <summary>What a service manager or Kubernetes does to stop a program.</summary>
    public void Terminate()
    {
        const int Sigterm = 15;
        Send(Sigterm);
    }

    /// <summary>What a crash does: it ends here and now, without a word.</summary>
    public Task KillAsync()
    {
        const int Sigkill = 9;
        Send(Sigkill);
        return _process.WaitForExitAsync();
    }

    /// <summary>What a machine that stalls does: it does nothing from here on, and keeps its connections.</summary>
    /// <param name="withChildren">Whether the processes it has started do, too.</param>
    public void Suspend(bool withChildren = false)
    {
        const int Sigstop = 19;
        Send(Sigstop, withChildren);
    }

    /// <summary>Ends a <see cref="Suspend"/>.</summary>
    /// <param name="withChildren">As it was suspended.</param>
    public void Resume(bool withChildren = false)
    {
        const int Sigcont = 18;
        Send(Sigcont, withChildren);
    }

    // First to the process itself, so that one that is stopped has no further children.
    private void Send(int signal, bool withChildren = false)
    {
        if (Kill(_process.Id, signal) != 0)
        {
            throw new InvalidOperationException($"Process {_process.Id} could not be sent signal {signal}.");
        }

        var children = withChildren ? File.ReadAllText($"/proc/{_process.Id}/task/{_process.Id}/children") : string.Empty;
        foreach (var child in children.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            // One that has ended meanwhile is no matter.
            _ = Kill(int.Parse(child, CultureInfo.InvariantCulture), signal);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int process, int signal);

    /// <summary>A shell that runs these tests in the background has them ignore Ctrl+C, and what they start inherits that.</summary>
    private static void HeedCtrlC()
    {
        const int Sigint = 2;
        const nint Default = 0;
        const nint Ignored = 1;
        if (Signal(Sigint, Default) is var handler && handler != Ignored)
        {
            Signal(Sigint, handler);
        }
    }

    [DllImport("libc", EntryPoint = "signal")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint Signal(int signal, nint handler);

    private void Note(List<string> lines, string? line)
    {
        if (line is not null)
        {
            lock (_gate)
            {
                lines.Add(line);
            }
        }
    }

    private IReadOnlyList<string> Copy(List<string> lines)
    {
        lock (_gate)
        {
            return [.. lines];
        }
    }
}

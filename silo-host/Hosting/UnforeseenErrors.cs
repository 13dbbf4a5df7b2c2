using Orleans.Runtime;
using OrleansRocketMQ.SiloHost.Errors;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>
/// What nobody foresaw ends the process, too, with a line and a documented exit code. The runtime would abort it, which
/// leaves a core file and a code that means "killed".
/// </summary>
internal static class UnforeseenErrors
{
    /// <summary>Of threads that nobody waits for, in listeners for instance.</summary>
    public static void CatchThoseOfThreads() => AppDomain.CurrentDomain.UnhandledException += (_, thrown) =>
    {
        Console.Error.WriteLine(Line(thrown.ExceptionObject as Exception));
        Environment.Exit(ExitCode.Failure);
    };

    public static string Line(Exception? exception)
    {
        var text = $"silo-host failed: {exception?.GetType().ToString() ?? "no exception"}: {exception?.Message}{Where(exception)}";
        return string.Join(' ', text.Split('\n', '\r').Select(line => line.Trim()).Where(line => line.Length > 0));
    }

    private static string Where(Exception? exception)
        => exception?.StackTrace?.Split('\n') is [{ } innermost, ..] ? $" ({innermost.Trim()})" : string.Empty;
}

/// <summary>In the place of Orleans' own, which aborts the process: a silo whose cluster has declared it dead ends at once.</summary>
internal sealed class FatalErrors(StopSignals signals) : IFatalErrorHandler
{
    public bool IsUnexpected(Exception exception) => true;

    public void OnFatalException(object? sender = null, string? context = null, Exception? exception = null)
    {
        // A start that is called off has marked its row dead itself, and ends in any case.
        if (!signals.CalledOff.IsCancellationRequested)
        {
            Console.Error.WriteLine($"silo-host ends at once: {(context ?? $"{exception?.Message}").ReplaceLineEndings(" ")}");
            Environment.Exit(ExitCode.Failure);
        }
    }
}

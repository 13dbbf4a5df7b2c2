using OrleansRocketMQ.SiloHost.Checking;
using OrleansRocketMQ.SiloHost.Errors;
using OrleansRocketMQ.SiloHost.Hosting;

namespace OrleansRocketMQ.SiloHost;

/// <summary>
/// The program, as a method: a host that brings further Orleans providers is a project that references this one and those
/// packages, and calls this. See <c>silo-host/Providers</c>.
/// </summary>
public static class SiloHostMain
{
    /// <summary>Runs the host until it is stopped, or does what the arguments ask for instead.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="configure">What is to be set on the silo in code, such as Kubernetes hosting; null: nothing.</param>
    /// <returns>The process's exit code; <c>--help</c> lists them.</returns>
    public static async Task<int> RunAsync(string[] args, Action<ISiloBuilder>? configure = null)
    {
        // Before anything else: what is told to stop while it starts must not go on to join the cluster.
        using var signals = new StopSignals();
        UnforeseenErrors.CatchThoseOfThreads();
        var commandLine = CommandLine.Parse(args);
        if (commandLine.AsksForHelp)
        {
            Console.WriteLine(Usage.Text);
            return ExitCode.Success;
        }

        try
        {
            return commandLine.AsksForCheck
                ? await StartCheck.RunAsync(commandLine, configure, signals)
                : await SiloApplication.RunAsync(commandLine, configure, signals);
        }
        catch (Exception exception) when (signals.CalledOff.IsCancellationRequested && exception is not OutOfMemoryException)
        {
            // Whatever a start fails with that is called off: it is over, as asked.
            return signals.CalledOffExitCode;
        }
        catch (Exception exception) when (StartError.Explain(exception) is { } error)
        {
            await Console.Error.WriteLineAsync($"silo-host cannot start: {error.Message}");
            return error.ExitCode;
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            await Console.Error.WriteLineAsync(UnforeseenErrors.Line(exception));
            return ExitCode.Failure;
        }
    }
}

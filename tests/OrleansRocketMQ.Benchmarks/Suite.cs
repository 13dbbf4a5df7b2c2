using System.Diagnostics;
using OrleansRocketMQ.Engine;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>All figures of <c>docs/benchmarks.md</c>, one process after the other. With <c>--nameserver</c> against that cluster.</summary>
internal static class Suite
{
    public static Task<int> RunAsync(Arguments arguments)
    {
        var given = arguments["nameserver"];
        var broker = given is null ? BrokerProcess.Start() : null;
        var nameServer = $"--nameserver={given ?? broker!.NameServer}";
        var topic = $"--topic=benchmark_{Environment.TickCount64}";
        var load = $"--messages={arguments.Messages} --queues={arguments.Queues} --body={arguments.BodyLength}";
        Console.WriteLine(FormattableString.Invariant($"{Environment.ProcessorCount} cores, {Environment.OSVersion}, .NET {Environment.Version}, {DateTime.UtcNow:yyyy-MM-dd HH:mm} UTC"));
        Run("decode");
        Run("statistics");
        Run("preload", nameServer, topic, load);
        for (var round = 0; round < arguments.Number("rounds", 3); round++)
        {
            Run("pull", nameServer, topic, load);
            Run("consume", nameServer, topic, load, "--batch=1");
            Run("consume", nameServer, topic, load, "--batch=1", "--metrics");
            Run("consume", nameServer, topic, load, "--batch=1", "--metrics", "--traces");
            Run("consume", nameServer, topic, load, "--batch=32");
            Run("consume", nameServer, topic, load, "--mode=orderly", "--batch=1");
            Run("consume", nameServer, topic, load, "--mode=orderly", "--batch=32");
        }

        // Both modes on the same messages, which have one of a thousand keys each.
        Run("preload", nameServer, topic + "_keyed", load, "--keys=1000");
        for (var round = 0; round < arguments.Number("rounds", 3); round++)
        {
            Run("consume", nameServer, topic + "_keyed", load, "--batch=1");
            Run("consume", nameServer, topic + "_keyed", load, "--batch=1 --mode=keyed");
        }

        // A broker of its own: one that holds a gigabyte in memory collects garbage for longer than messages travel.
        broker?.Dispose();
        using var fresh = given is null ? BrokerProcess.Start() : null;
        Run("latency", $"--nameserver={given ?? fresh!.NameServer}");
        Run("latency", $"--nameserver={given ?? fresh!.NameServer}", "--mode=orderly");
        return Task.FromResult(0);
    }

    public static Process Spawn(string command, bool redirect, params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = redirect, RedirectStandardOutput = redirect };
        foreach (var argument in (IEnumerable<string>)[command, .. arguments.SelectMany(argument => argument.Split(' '))])
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start) ?? throw new InvalidOperationException($"{command} did not start");
    }

    /// <summary>Runs one of the program's commands in a process of its own and gives the last line it prints, its report.</summary>
    public static async Task<string> ReportAsync(string command, params string[] arguments)
        => (await PrintedAsync(command, arguments))[^1];

    /// <summary>Runs one of the program's commands in a process of its own and gives all lines it prints.</summary>
    public static async Task<string[]> PrintedAsync(string command, params string[] arguments)
    {
        using var process = Spawn(command, redirect: true, arguments);
        var printed = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? printed.Trim().Split('\n')
            : throw new InvalidOperationException($"{command} ended with {process.ExitCode}: {printed}");
    }

    public static void Run(string command, params string[] arguments)
    {
        using var process = Spawn(command, redirect: false, arguments);
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{command} ended with {process.ExitCode}");
        }
    }
}

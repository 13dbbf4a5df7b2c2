using System.Diagnostics;
using System.Globalization;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// Java's push consumer as a process of its own, its group switched to pops. The program is not in the repository: <c>--java</c> is the program
/// that starts it, to which this adds <c>consume NAMESERVER TOPIC GROUP MESSAGES</c> or <c>latency NAMESERVER TOPIC GROUP</c>. Its last line
/// has the figures in the form that this program's own reports have.
/// </summary>
internal sealed class JavaConsumer : IDisposable
{
    private readonly Process _process;

    private JavaConsumer(Process process) => _process = process;

    /// <summary>Consumes a preloaded topic from its first message to its last.</summary>
    public static async Task<string> ConsumeAsync(string program, string nameServer, string topic, int messages)
    {
        await using var client = Cluster.Connect(nameServer);
        using var java = await StartAsync(client, program, "consume", nameServer, topic, messages.ToString(CultureInfo.InvariantCulture));
        return await java.LastLineAsync();
    }

    /// <summary>Consumes what is about to be sent, and tells the times from <see cref="Latencies.Begin"/> on.</summary>
    public static async Task<JavaConsumer> StartLatencyAsync(RocketMQClient client, string program, string nameServer, string topic)
    {
        var java = await StartAsync(client, program, "latency", nameServer, topic);
        return await java._process.StandardOutput.ReadLineAsync() == "ready"
            ? java
            : throw new InvalidOperationException($"{program} is not ready: {await java.LastLineAsync()}");
    }

    /// <summary>The report, when all that was sent has come.</summary>
    public async Task<string> ReportAsync(long begin, long sent)
    {
        await _process.StandardInput.WriteLineAsync(FormattableString.Invariant($"{begin} {sent}"));
        return await LastLineAsync();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private static async Task<JavaConsumer> StartAsync(
        RocketMQClient client, string program, string command, string nameServer, string topic, params string[] more)
    {
        var group = $"benchmark_java_{Environment.TickCount64}";
        var cluster = await client.NameServer.GetClusterInfoAsync();
        foreach (var broker in cluster.BrokerAddrTable.Values)
        {
            await client.Brokers.SetMessageRequestModeAsync(broker.BrokerAddrs[BrokerData.MasterId], topic, group, MessageRequestMode.Pop);
        }

        var start = new ProcessStartInfo(program, [command, nameServer, topic, group, .. more]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        return new(Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start"));
    }

    private async Task<string> LastLineAsync()
    {
        var printed = await _process.StandardOutput.ReadToEndAsync();
        await _process.WaitForExitAsync();
        return _process.ExitCode == 0
            ? printed.Trim().Split('\n')[^1]
            : throw new InvalidOperationException($"Java's consumer ended with {_process.ExitCode}: {printed}");
    }
}

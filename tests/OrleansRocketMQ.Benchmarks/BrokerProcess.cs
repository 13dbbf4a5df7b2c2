using System.Diagnostics;
using OrleansRocketMQ.Embedded;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>The embedded broker in a process of its own, as a real one would be. Ends when its standard input does.</summary>
internal sealed class BrokerProcess : IDisposable
{
    private readonly Process _process;

    private BrokerProcess(Process process, string nameServer)
    {
        _process = process;
        NameServer = nameServer;
    }

    public string NameServer { get; }

    public static async Task<int> RunAsync()
    {
        await using var embedded = await EmbeddedRocketMQ.StartAsync();
        Console.WriteLine(embedded.NameServerAddress);
        while (await Console.In.ReadLineAsync() is not null)
        {
            // Only the end of the input matters.
        }

        return 0;
    }

    public static BrokerProcess Start()
    {
        var process = Suite.Spawn("broker", redirect: true);
        return new(process, process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("the broker did not start"));
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit(TimeSpan.FromSeconds(20));
        _process.Dispose();
    }
}

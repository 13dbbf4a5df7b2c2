using System.Diagnostics;
using OrleansRocketMQ.Embedded;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// A name server and three brokers in a process of their own, as real ones are: the memory they hold for messages must not
/// make the pauses of the client's garbage collector longer. A line on the input makes the third broker fail.
/// </summary>
internal sealed class FaultsBrokers : IDisposable
{
    public const string Topic = "faults";
    public const string Faulty = "broker-c";
    public const int QueuesPerBroker = 4;

    private readonly Process _process;

    private FaultsBrokers(Process process, string nameServer)
    {
        _process = process;
        NameServer = nameServer;
    }

    /// <summary>The ways in which it can fail.</summary>
    public static IReadOnlyList<string> Kinds { get; } = ["refusing", "silent", "answering after 10 s"];

    public string NameServer { get; }

    public static async Task<int> RunAsync()
    {
        await using var rocketmq = await EmbeddedRocketMQ.StartAsync();
        await rocketmq.AddBrokerAsync("broker-b");
        await rocketmq.AddBrokerAsync(Faulty);
        rocketmq.CreateTopic(Topic, QueuesPerBroker);
        Console.WriteLine(rocketmq.NameServerAddress);
        while (await Console.In.ReadLineAsync() is { } line)
        {
            await DoAsync(rocketmq, line);
            Console.WriteLine(line);
        }

        return 0;
    }

    public static FaultsBrokers Start()
    {
        var process = Suite.Spawn("faults-brokers", redirect: true);
        return new(process, process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("the brokers did not start"));
    }

    /// <summary>The third broker fails from now on.</summary>
    public void Begin(string kind) => Tell(kind);

    /// <summary>It answers again, unless it refuses.</summary>
    public void Clear() => Tell("clear");

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit(TimeSpan.FromSeconds(20));
        _process.Dispose();
    }

    private void Tell(string line)
    {
        _process.StandardInput.WriteLine(line);
        if (_process.StandardOutput.ReadLine() != line)
        {
            throw new InvalidOperationException($"the brokers did not do '{line}'");
        }
    }

    private static async Task DoAsync(EmbeddedRocketMQ rocketmq, string line)
    {
        switch (line)
        {
            case "refusing":
                await rocketmq.Brokers.Single(broker => broker.Name == Faulty).StopAsync(unregister: false);
                break;
            case "silent":
                Inject(rocketmq, Fault.NoAnswer());
                break;
            case "answering after 10 s":
                Inject(rocketmq, Fault.Delay(TimeSpan.FromSeconds(10)));
                break;
            case "clear":
                rocketmq.Faults.Clear();
                break;
            default:
                throw new RocketMQValidationException("fault", line, string.Join(", ", Kinds));
        }
    }

    private static void Inject(EmbeddedRocketMQ rocketmq, Fault fault)
        => rocketmq.Faults.Inject(fault with { Servers = FaultServers.Brokers, BrokerName = Faulty });
}

using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Producing;

namespace OrleansRocketMQ.SiloHost.Support;

/// <summary>A broker of the test's own, messages for the test's listener, and hosts whose listener writes down what it consumed.</summary>
internal sealed class Records : IAsyncDisposable
{
    public const string Group = "recorders";
    public const string Topic = "records";
    private const int Queues = 4;

    private readonly TestFolder _folder = new();
    private readonly RocketMQClient _client;
    private readonly Producer _producer;
    private int _hosts;

    private Records(EmbeddedRocketMQ cluster)
    {
        Cluster = cluster;
        _client = PatientClients.Start(cluster.NameServerAddress, "127.0.0.1@records");
        _producer = PatientClients.Producer(_client, "records_producer");
    }

    public EmbeddedRocketMQ Cluster { get; }

    public TestFolder Folder => _folder;

    public static async Task<Records> StartAsync()
    {
        var records = new Records(await EmbeddedRocketMQ.StartAsync());
        records.Cluster.CreateTopic(Topic, Queues);
        return records;
    }

    public long Committed => Enumerable.Range(0, Queues).Sum(queue => Cluster.Broker.CommittedOffset(Group, Topic, queue) ?? 0);

    /// <summary>Sends the numbers from <paramref name="first"/> on as text.</summary>
    public async Task SendAsync(int first, int count)
    {
        foreach (var number in Enumerable.Range(first, count))
        {
            await SendAsync($"{number}");
        }
    }

    public Task SendAsync(string body) => _producer.SendAsync(new Message(Topic, Encoding.UTF8.GetBytes(body)));

    /// <summary>A host with the test's listener.</summary>
    /// <returns>The host, and the file its listener writes to.</returns>
    public (SiloHostProgram Host, string File) Start(params string[] arguments) => StartProgram("silo-host", arguments);

    /// <inheritdoc cref="Start"/>
    public (SiloHostProgram Host, string File) StartProgram(string program, string[] arguments)
    {
        var file = _folder.In($"records-{++_hosts}");
        return (SiloHostProgram.Start(
            program,
            [
                $"--RocketMQ:NameServer={Cluster.NameServerAddress}",
                $"--Listeners:Path={RunningProgram.PathOf("listeners")}",
                $"--RocketMQ:Consumers:{Group}:ConsumeFromWhere=FirstOffset",
                .. arguments,
            ],
            ("TEST_RECORD_FILE", file)), file);
    }

    public static string[] Read(string file)
    {
        if (!File.Exists(file))
        {
            return [];
        }

        // The host may be writing to it.
        using var reader = new StreamReader(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        var text = reader.ReadToEnd();
        return text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    public async ValueTask DisposeAsync()
    {
        await _producer.DisposeAsync();
        await _client.DisposeAsync();
        await Cluster.DisposeAsync();
        _folder.Dispose();
    }
}

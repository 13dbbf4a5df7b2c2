using OrleansRocketMQ.Chaos.Plan;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Chaos.World.Brokers;

/// <summary>A RocketMQ that somebody else runs. The round's topics and groups are in a namespace of its own, and its topics are deleted at the end.</summary>
/// <param name="nameServer">Where its name server is.</param>
/// <param name="control">What can be done to its brokers.</param>
/// <param name="hasLinks">Whether its brokers say that they are at the address of <see cref="Links"/>, and are where the name server is.</param>
/// <param name="ns">The namespace.</param>
internal sealed class RealBrokers(HostAndPort nameServer, BrokerControl control, bool hasLinks, string ns) : IRoundBrokers
{
    private readonly SemaphoreSlim _isStruck = new(1);
    private RocketMQClient? _client;
    private SortedList<string, string> _masters = [];

    public string NameServer => hasLinks ? $"{Links.Told}:{nameServer.Port}" : nameServer.ToString();

    public int NameServerPort => nameServer.Port;

    public IReadOnlyList<int> Ports => [nameServer.Port, .. _masters.Values.Select(master => HostAndPort.Parse(master).Port)];

    public string? Namespace => ns;

    public IReadOnlyDictionary<string, int> Queues => RoundTopics.QueuesOn(_masters.Count);

    public async Task StartAsync(Links links)
    {
        if (hasLinks)
        {
            links.Open(nameServer.Address, nameServer.Port);
        }

        _client = PatientClients.Start(NameServer, "127.0.0.1@chaos-topics", ns);
        var cluster = await _client.NameServer.GetClusterInfoAsync();
        _masters = new(cluster.BrokerAddrTable.ToDictionary(broker => broker.Key, broker => broker.Value.BrokerAddrs[BrokerData.MasterId]), StringComparer.Ordinal);
        foreach (var port in hasLinks ? Ports.Skip(1) : [])
        {
            links.Open(nameServer.Address, port);
        }

        foreach (var (topic, master, isFirst) in RoundTopics.All.SelectMany(topic => _masters.Values.Select((master, place) => (topic, master, place == 0))))
        {
            if (RoundTopics.IsOn(topic, isFirst))
            {
                await _client.Brokers.CreateTopicAsync(master, topic, RoundTopics.QueuesPerMaster(topic));
            }
        }

        foreach (var topic in RoundTopics.All)
        {
            await Eventually.TrueAsync(async () => await HasRouteAsync(topic), $"the name server knows {topic}");
        }
    }

    public bool Can(FaultKind kind) => kind switch
    {
        FaultKind.KillBrokers => control.Can("kill", "start"),
        FaultKind.SuspendBrokers => control.Can("suspend", "resume"),
        FaultKind.StopMaster => _masters.Count > 1 && control.Can("stop", "start"),
        FaultKind.PartitionFromBrokers or FaultKind.HalfDeadConnections or FaultKind.SlowLink or FaultKind.SlowNameServer or FaultKind.NameServerAway => hasLinks,
        _ => true,
    };

    public async Task StrikeAsync(Fault fault, Action onKilled)
    {
        var (begin, end, whom) = fault.Kind switch
        {
            FaultKind.KillBrokers => ("kill", "start", _masters.Keys),
            FaultKind.SuspendBrokers => ("suspend", "resume", _masters.Keys),
            _ => ("stop", "start", (IList<string>)[_masters.Keys[^1]]),
        };
        await _isStruck.WaitAsync();
        try
        {
            await control.DoAsync(begin, whom);
            if (fault.Kind == FaultKind.KillBrokers)
            {
                onKilled();
            }

            await Task.Delay(fault.Lasts);
            await control.DoAsync(end, whom);
        }
        finally
        {
            _isStruck.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_client is { } client)
        {
            foreach (var (topic, master) in RoundTopics.All.SelectMany(topic => _masters.Values.Select(master => (topic, master))))
            {
                await client.Brokers.DeleteTopicAsync(master, topic);
            }

            await client.DisposeAsync();
        }

        _isStruck.Dispose();
    }

    private async Task<bool> HasRouteAsync(string topic)
    {
        try
        {
            var route = await _client!.NameServer.GetRouteAsync(topic);
            return route.QueueDatas.Sum(broker => broker.ReadQueueNums) == Queues[topic];
        }
        catch (RocketMQException)
        {
            return false;
        }
    }
}

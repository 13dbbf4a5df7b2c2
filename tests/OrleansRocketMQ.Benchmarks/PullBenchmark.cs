using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>What the wire gives: pulls every queue with this library's client and throws the answers away undecoded.</summary>
internal static class PullBenchmark
{
    public static async Task<int> RunAsync(Arguments arguments)
    {
        await using var client = Cluster.Connect(arguments.NameServer, signed: arguments["signed"] is not null);
        var route = await client.Routes.RefreshAsync(arguments.Topic);
        var group = $"pull_{Environment.TickCount64}";
        var subscription = SubscriptionData.From(arguments.Topic, MessageSelector.All, 1);
        client.RegisterConsumer(group, () => new ConsumerData { GroupName = group, SubscriptionDataSet = [subscription] }, [arguments.Topic]);
        await client.HeartbeatAsync();
        var perQueue = arguments.Messages / route.ReadQueues.Count;
        using var types = arguments["types"] is null ? null : new AllocatedTypes();
        var start = ProcessFigures.Now();
        var counts = await Task.WhenAll(route.ReadQueues.Select(queue => PullAllAsync(client, group, queue, perQueue)));
        Console.WriteLine(ProcessFigures.Now().Report("pull only", start, counts.Sum(), arguments.BodyLength) + types?.Report(counts.Sum()));
        return 0;
    }

    private static async Task<long> PullAllAsync(RocketMQClient client, string group, MessageQueue queue, long perQueue)
    {
        var address = client.Routes.FindAddress(queue.BrokerName)!.Value.Address;
        var offset = 0L;
        while (true)
        {
            var request = new PullRequest(group, queue, offset) { SuspendTimeout = TimeSpan.Zero, SubVersion = 1 };
            var result = await client.Brokers.PullAsync(address, request);
            if (result.Status != PullStatus.Found || result.NextBeginOffset == offset)
            {
                return offset;
            }

            offset = result.NextBeginOffset;
            if (offset >= result.MaxOffset || offset >= perQueue)
            {
                return offset;
            }
        }
    }
}

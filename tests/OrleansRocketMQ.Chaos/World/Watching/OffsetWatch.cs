using System.Diagnostics;
using OrleansRocketMQ.Chaos.Checking;
using OrleansRocketMQ.Chaos.World.Brokers;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Chaos.World.Watching;

/// <summary>Asks the masters each second how far the groups are in each queue. What is not answered is asked again later.</summary>
internal sealed class OffsetWatch : IAsyncDisposable
{
    private static readonly TimeSpan s_every = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _ending = new();
    private readonly long _begun = Stopwatch.GetTimestamp();
    private readonly RocketMQClient _client;
    private readonly Task _watching;

    private OffsetWatch(RocketMQClient client, List<(string Address, MessageQueue Queue)> queues)
    {
        _client = client;
        Queues = queues;
        _watching = Task.WhenAll(queues.GroupBy(queue => queue.Address).Select(broker => Task.Run(() => WatchAsync(broker.ToList()))));
    }

    public OffsetHistory History { get; } = new();

    /// <summary>The queues of all topics, each with the master that has it.</summary>
    public IReadOnlyList<(string Address, MessageQueue Queue)> Queues { get; }

    public static async Task<OffsetWatch> StartAsync(IRoundBrokers brokers)
    {
        var client = PatientClients.Start(brokers.NameServer, "127.0.0.1@chaos-watch", brokers.Namespace);
        var queues = new List<(string Address, MessageQueue Queue)>();
        foreach (var topic in RoundTopics.All)
        {
            var route = await client.NameServer.GetRouteAsync(topic);
            var masters = route.BrokerDatas.ToDictionary(broker => broker.BrokerName, broker => broker.BrokerAddrs[BrokerData.MasterId]);
            queues.AddRange(route.QueueDatas.SelectMany(broker => Enumerable.Range(0, broker.ReadQueueNums)
                .Select(queue => (masters[broker.BrokerName], new MessageQueue(topic, broker.BrokerName, queue)))));
        }

        return new(client, queues);
    }

    /// <summary>How many messages brokers have of a topic. When they are all there.</summary>
    public async Task<long> MessagesOfAsync(string topic)
    {
        var counts = await Task.WhenAll(Queues.Where(queue => queue.Queue.Topic == topic)
            .Select(async queue => await _client.Brokers.GetMaxOffsetAsync(queue.Address, queue.Queue) - await _client.Brokers.GetMinOffsetAsync(queue.Address, queue.Queue)));
        return counts.Sum();
    }

    /// <summary>How many dead letters brokers have of a group. When they are all there.</summary>
    public async Task<long> DeadLettersOfAsync(string group)
    {
        try
        {
            var topic = $"%DLQ%{group}";
            var route = await _client.NameServer.GetRouteAsync(topic);
            var counts = await Task.WhenAll(route.BrokerDatas.Select(broker => _client.Brokers.GetMaxOffsetAsync(
                broker.BrokerAddrs[BrokerData.MasterId], new(topic, broker.BrokerName, 0))));
            return counts.Sum();
        }
        catch (TopicNotFoundException)
        {
            return 0; // Nothing has died.
        }
    }

    /// <summary>No more samples.</summary>
    public async Task StopAsync()
    {
        await _ending.CancelAsync();
        await _watching;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await _client.DisposeAsync();
        _ending.Dispose();
    }

    private async Task WatchAsync(List<(string Address, MessageQueue Queue)> queues)
    {
        while (!_ending.IsCancellationRequested)
        {
            foreach (var (address, queue) in queues)
            {
                foreach (var group in RoundTopics.GroupsOf(queue.Topic))
                {
                    await TakeAsync(address, group, queue);
                }
            }

            await Task.Delay(s_every, _ending.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task TakeAsync(string address, string group, MessageQueue queue)
    {
        var era = History.Era;
        try
        {
            if (await _client.Brokers.QueryConsumerOffsetAsync(address, group, queue, setZeroIfNotFound: false, _ending.Token) is { } offset)
            {
                History.Take(era, group, $"{queue.Topic} {queue.BrokerName} {queue.QueueId}", offset, Stopwatch.GetElapsedTime(_begun));
            }
        }
        catch (Exception exception) when (exception is RocketMQException or OperationCanceledException)
        {
            // The broker is away, or this is the end.
        }
    }
}

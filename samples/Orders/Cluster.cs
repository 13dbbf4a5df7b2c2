using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;

namespace Orders;

/// <summary>The few things the sample asks the RocketMQ cluster itself.</summary>
internal sealed class Cluster : IAsyncDisposable
{
    public Cluster(string nameServer)
    {
        Client = new RocketMQClient(
            new RocketMQClientOptions
            {
                NameServerAddresses = RocketMQClientOptions.ParseAddresses(nameServer),
                ClientId = $"127.0.0.1@orders#{Environment.ProcessId}",
            },
            NullLoggerFactory.Instance);
        Client.Start();
    }

    public RocketMQClient Client { get; }

    public async Task CreateTopicAsync(string topic, int queues)
    {
        var info = await Client.NameServer.GetClusterInfoAsync();
        foreach (var broker in info.BrokerAddrTable.Values)
        {
            await Client.Brokers.CreateTopicAsync(broker.BrokerAddrs[BrokerData.MasterId], topic, queues);
        }
    }

    /// <summary>Waits for a dead letter of a group. They are in an ordinary topic: a consumer could subscribe to it.</summary>
    public async Task<MessageExt> ReadDeadLetterAsync(string group, string key)
    {
        MessageExt? newest = null;
        await Wait.UntilAsync(async () => (newest = await ReadNewestAsync(SystemTopics.DeadLetter(group))) is not null && newest.Keys == key);
        return newest!;
    }

    public ValueTask DisposeAsync() => Client.DisposeAsync();

    private async Task<MessageExt?> ReadNewestAsync(string topic)
    {
        try
        {
            var queue = (await Client.Routes.RefreshAsync(topic)).ReadQueues[0];
            var broker = Client.Routes.FindAddress(queue.BrokerName)!.Value.Address;
            var end = await Client.Brokers.GetMaxOffsetAsync(broker, queue);
            var found = await Client.Brokers.PullAsync(broker, new PullRequest("orders-reader", queue, end - 1) { Expression = "*", SuspendTimeout = TimeSpan.Zero });
            var messages = new List<MessageExt>();
            found.Decode(messages, queue.BrokerName);
            return messages.LastOrDefault();
        }
        catch (TopicNotFoundException)
        {
            // The broker makes it with the first dead letter.
            return null;
        }
    }
}

internal static class Wait
{
    public static Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    public static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!await condition())
        {
            await Task.Delay(20, deadline.Token);
        }
    }
}

using System.Text.Json;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

public class LockTests
{
    [Fact]
    public async Task A_queue_is_one_clients_until_it_lets_go_or_60_seconds_are_over()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();

        Assert.Equal([0, 1], await LockAsync(client, "g", "c1", 0, 1));
        Assert.Equal([2], await LockAsync(client, "g", "c2", 0, 1, 2));
        Assert.Equal([0], await LockAsync(client, "other group", "c2", 0));
        Assert.Equal("c1", test.Broker.LockHolder("g", "orders", 0));

        test.Time.Advance(TimeSpan.FromSeconds(40));
        Assert.Equal([0], await LockAsync(client, "g", "c1", 0));
        test.Time.Advance(TimeSpan.FromSeconds(21));
        Assert.Equal([1], await LockAsync(client, "g", "c2", 0, 1));

        await UnlockAsync(client, "g", "c2", 0);
        Assert.Empty(await LockAsync(client, "g", "c2", 0));
        await UnlockAsync(client, "g", "c1", 0);
        Assert.Equal([0], await LockAsync(client, "g", "c2", 0));
    }

    [Fact]
    public async Task Locks_are_lost_when_the_broker_restarts()
    {
        await using var test = await TestBroker.StartAsync();
        await LockAsync(await test.ConnectAsync(), "g", "c1", 0);

        await test.Broker.RestartAsync();

        Assert.Equal([0], await LockAsync(await test.ConnectAsync(), "g", "c2", 0));
    }

    internal static async Task<IEnumerable<int>> LockAsync(TestClient client, string group, string clientId, params int[] queues)
    {
        var response = await client.InvokeAsync(RequestCodes.LockBatchMessageQueue, Body(group, clientId, queues));
        var held = TolerantJson.Read(response.Succeeded().Body.Span, ProtocolJson.Default.LockBatchResponse);
        Assert.All(held.LockOKMQSet, queue => Assert.Equal(("orders", "broker-a"), (queue.Topic, queue.BrokerName)));
        return held.LockOKMQSet.Select(queue => queue.QueueId).Order();
    }

    private static async Task UnlockAsync(TestClient client, string group, string clientId, params int[] queues)
        => (await client.InvokeAsync(RequestCodes.UnlockBatchMessageQueue, Body(group, clientId, queues))).Succeeded();

    private static byte[] Body(string group, string clientId, int[] queues)
    {
        var request = new LockBatchRequest
        {
            ConsumerGroup = group,
            ClientId = clientId,
            MqSet = [.. queues.Select(queueId => new QueueKey("broker-a", queueId, "orders"))],
        };
        return JsonSerializer.SerializeToUtf8Bytes(request, ProtocolJson.Default.LockBatchRequest);
    }
}

using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>Long polls of all queues of a topic with this library's client alone, each message's latency noted: no silo, no listener.</summary>
internal sealed class BarePulls : IDisposable
{
    private readonly CancellationTokenSource _over = new();

    private BarePulls()
    {
    }

    public static async Task<BarePulls> BeginAsync(RocketMQClient client, string topic, Latencies latencies)
    {
        var route = await client.Routes.RefreshAsync(topic);
        var group = $"bare_{Environment.TickCount64}";
        var subscription = SubscriptionData.From(topic, MessageSelector.All, 1);
        client.RegisterConsumer(group, () => new ConsumerData { GroupName = group, SubscriptionDataSet = [subscription] }, [topic]);
        await client.HeartbeatAsync();
        var pulls = new BarePulls();
        foreach (var queue in route.ReadQueues)
        {
            _ = pulls.PullAsync(client, group, queue, latencies);
        }

        return pulls;
    }

    // Not disposed of: pulls may still look at its token.
    public void Dispose() => _over.Cancel();

    private async Task PullAsync(RocketMQClient client, string group, MessageQueue queue, Latencies latencies)
    {
        var address = client.Routes.FindAddress(queue.BrokerName)!.Value.Address;
        var messages = new List<MessageExt>();
        for (var offset = 0L; !_over.IsCancellationRequested;)
        {
            var request = new PullRequest(group, queue, offset) { SuspendTimeout = TimeSpan.FromSeconds(15), SubVersion = 1 };
            try
            {
                var result = await client.Brokers.PullAsync(address, request, cancellationToken: _over.Token);
                result.Decode(messages, queue.BrokerName);
                offset = result.NextBeginOffset;
            }
            catch (OperationCanceledException)
            {
                return;
            }

            messages.ForEach(message => latencies.Record(message.Body.Span));
            messages.Clear();
        }
    }
}

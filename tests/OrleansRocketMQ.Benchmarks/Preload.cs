using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Producing;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>Fills a topic evenly over its queues.</summary>
internal static class Preload
{
    private const int BatchSize = 100;

    public static async Task<int> RunAsync(Arguments arguments)
    {
        await using var client = Cluster.Connect(arguments.NameServer);
        var route = await Cluster.CreateTopicAsync(client, arguments.Topic, arguments.Queues);
        await using var producer = new Producer(client, new ProducerOptions { Group = "benchmark", SendTimeout = TimeSpan.FromSeconds(30), RetryTimes = 10 }, NullLoggerFactory.Instance);
        var body = new byte[arguments.BodyLength];
        Random.Shared.NextBytes(body);
        var batches = arguments.Messages / BatchSize;
        await Parallel.ForAsync(0, batches, new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (batch, token) =>
        {
            var messages = Enumerable.Range(0, BatchSize).Select(_ => new Message(arguments.Topic, body)).ToArray();
            var queue = route.WriteQueues[batch % route.WriteQueues.Count];
            await producer.SendAsync(messages, new FixedQueue(queue), cancellationToken: token);
        });
        Console.WriteLine($"preloaded {batches * BatchSize} x {arguments.BodyLength} bytes on {route.WriteQueues.Count} queues of {arguments.Topic}");
        return 0;
    }

    private sealed class FixedQueue(MessageQueue queue) : IQueueSelector
    {
        public MessageQueue Select(IReadOnlyList<MessageQueue> queues, Message message, object? argument) => queue;
    }
}

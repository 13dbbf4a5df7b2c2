using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Engine;
using OrleansRocketMQ.Producing;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// Fills a topic evenly over its queues, a send for each message as producers mostly do it: a batch's messages carry
/// the batch's properties beside their own, which would be measured, too.
/// </summary>
internal static class Preload
{
    private const int SendsAtOnce = 64;

    public static async Task<int> RunAsync(Arguments arguments)
    {
        await using var client = Cluster.Connect(arguments.NameServer);
        var route = await Cluster.CreateTopicAsync(client, arguments.Topic, arguments.Queues);
        await using var producer = new Producer(client, new ProducerOptions { Group = "benchmark", SendTimeout = TimeSpan.FromSeconds(30), RetryTimes = 10 }, NullLoggerFactory.Instance);
        var body = new byte[arguments.BodyLength];
        Random.Shared.NextBytes(body);
        var keys = arguments.Number("keys", 0);
        await Parallel.ForAsync(0, arguments.Messages, new ParallelOptions { MaxDegreeOfParallelism = SendsAtOnce }, async (number, token) =>
            await producer.SendAsync(MessageOf(number), route.WriteQueues[number % route.WriteQueues.Count], token));
        Console.WriteLine($"preloaded {arguments.Messages} x {arguments.BodyLength} bytes on {route.WriteQueues.Count} queues of {arguments.Topic}");
        return 0;

        // Keys in turn; their number is a multiple of that of the queues, so each key stays on one queue.
        Message MessageOf(int number) => new(arguments.Topic, body) { ShardingKey = keys > 0 ? FormattableString.Invariant($"key-{number % keys}") : null };
    }
}

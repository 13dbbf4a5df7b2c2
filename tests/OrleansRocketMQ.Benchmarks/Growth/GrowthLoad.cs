using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Engine;
using OrleansRocketMQ.Producing;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>What one point of a plot consumes, and on how many silos.</summary>
/// <param name="Messages">Messages that are measured.</param>
/// <param name="BodyLength">Bytes of each body.</param>
internal sealed record GrowthLoad(int Messages, int BodyLength)
{
    // A pull's worth; what a broker takes in one send is 4 MiB.
    private const int LargestBatch = 32;
    private const int LargestSend = 1024 * 1024;
    private const int SendsAtOnce = 16;
    private const int ManyKeys = 1_000_000;

    public int Topics { get; init; } = 1;

    public int QueuesOfTopic { get; init; } = 8;

    public int Silos { get; init; } = 1;

    /// <summary>How many sharding keys the messages have, in turn; 0: none.</summary>
    public int Keys { get; init; }

    /// <summary>After how many rounds it is enough: the grains of a group's keys outlive it.</summary>
    public int MostRounds => Keys >= ManyKeys ? 1 : int.MaxValue;

    /// <summary>All messages. With keys the first one of each is not among those that are measured: its grain does not run yet.</summary>
    public int All => Keys + Messages;

    /// <summary>The names of the topics.</summary>
    public static IEnumerable<string> Names(string topic, int topics) => Enumerable.Range(0, topics).Select(number => $"{topic}_{number}");

    /// <summary>
    /// Makes the topics and fills their queues evenly, in batches, to be done sooner. A batch's messages carry its properties beside
    /// their own, at every point of a plot alike. Nothing is compressed.
    /// </summary>
    /// <returns>How many queues there are.</returns>
    public async Task<int> PreloadAsync(string nameServer, string topic)
    {
        await using var client = Cluster.Connect(nameServer);
        var queues = new List<MessageQueue>();
        foreach (var name in Names(topic, Topics))
        {
            queues.AddRange((await Cluster.CreateTopicAsync(client, name, QueuesOfTopic)).WriteQueues);
        }

        var options = new ProducerOptions
        {
            Group = "benchmark",
            SendTimeout = TimeSpan.FromSeconds(30),
            RetryTimes = 10,
            CompressBodyFrom = int.MaxValue,
        };
        await using var producer = new Producer(client, options, NullLoggerFactory.Instance);
        var body = new byte[BodyLength];
        Random.Shared.NextBytes(body);
        var sends = new ParallelOptions { MaxDegreeOfParallelism = SendsAtOnce };
        await Parallel.ForEachAsync(Batches(queues, body), sends, async (batch, token) => await SendAsync(producer, batch, token));
        return queues.Count;
    }

    // The longest message there may be does not fit a batch.
    private static Task<SendResult> SendAsync(
        Producer producer, (MessageQueue Queue, Message[] Messages) batch, CancellationToken cancellationToken)
        => batch.Messages is [var single]
            ? producer.SendAsync(single, batch.Queue, cancellationToken)
            : producer.SendAsync(batch.Messages, ThatQueue.Instance, batch.Queue, cancellationToken);

    /// <summary>Round by round over the queues, so that all of them fill at the same pace.</summary>
    private IEnumerable<(MessageQueue Queue, Message[] Messages)> Batches(List<MessageQueue> queues, byte[] body)
    {
        var size = Math.Clamp(LargestSend / BodyLength, 1, LargestBatch);
        for (var round = 0L; round * queues.Count < All; round += size)
        {
            for (var index = 0; index < queues.Count; index++)
            {
                var messages = Numbers(round, size, index, queues.Count).Select(number => MessageOf(queues[index], body, number)).ToArray();
                if (messages.Length > 0)
                {
                    yield return (queues[index], messages);
                }
            }
        }
    }

    // Message n is on queue n modulo the queues and has key n modulo the keys, a multiple of the queues: a key stays on one queue.
    private IEnumerable<long> Numbers(long round, int size, int queue, int queues)
        => Enumerable.Range(0, size).Select(more => ((round + more) * queues) + queue).Where(number => number < All);

    private Message MessageOf(MessageQueue queue, byte[] body, long number)
        => new(queue.Topic, body) { ShardingKey = Keys > 0 ? FormattableString.Invariant($"key-{number % Keys}") : null };

    /// <summary>The queue that the sender names.</summary>
    private sealed class ThatQueue : IQueueSelector
    {
        public static readonly ThatQueue Instance = new();

        public MessageQueue Select(IReadOnlyList<MessageQueue> queues, Message message, object? argument) => (MessageQueue)argument!;
    }
}

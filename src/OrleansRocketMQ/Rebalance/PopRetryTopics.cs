using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Allocation;

/// <summary>
/// Looks for retry topics of pops that a group which pulls must consume as well: what it popped before and did not acknowledge
/// comes again there, and nowhere else. Both versions, since a broker's setting may have changed. Java's client learns of them
/// only when it sees the switch itself. One caller at a time.
/// </summary>
internal sealed partial class PopRetryTopics(ConsumerGroupRuntime consumer, TimeProvider time, ILogger logger)
{
    // What is to come again has waited anyway. A group of thousands of topics looks for some of them at a time.
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(10);
    private const int MostAtOnce = 64;

    // Name servers that are silent must not hold up the look.
    private static readonly TimeSpan LongestAnswer = TimeSpan.FromSeconds(1);

    private readonly Dictionary<string, long> _lookedAt = new(StringComparer.Ordinal);

    /// <summary>Subscribes to those that are there.</summary>
    public async Task LookAsync(CancellationToken cancellationToken)
    {
        // Where every silo wants every message nothing was ever popped. A pop brings them as well, but for one in order: then they are of
        // a time when the group's listener was another one.
        if (consumer.IsBroadcasting || (consumer.Options.ConsumeMode == ConsumeMode.Pop && !consumer.Dispatcher.KeepsOrder))
        {
            return;
        }

        var topics = consumer.Subscriptions.All.Select(static subscription => subscription.Topic)
            .Where(topic => !SystemTopics.IsRetry(topic)
                && (!_lookedAt.TryGetValue(topic, out var looked) || time.GetElapsedTime(looked) >= Fresh))
            .Take(MostAtOnce)
            .ToArray();
        var found = await Task.WhenAll(topics.SelectMany(topic => RetriesOf(topic).Select(
            retry => LookForAsync(topic, retry, cancellationToken))));
        foreach (var topic in topics)
        {
            _lookedAt[topic] = time.GetTimestamp();
        }

        var isNew = false;
        foreach (var (topic, retry) in found.OfType<(string, string)>())
        {
            if (consumer.Subscriptions.AddRetriesOf(topic, retry, time.GetUtcNow().ToUnixTimeMilliseconds()))
            {
                isNew = true;
                Log.Found(logger, consumer.Group, retry, topic);
            }
        }

        if (isNew)
        {
            await consumer.TellSubscriptionsAsync(cancellationToken);
        }
    }

    private string[] RetriesOf(string topic)
        => [.. new[] { SystemTopics.PopRetryV1(topic, consumer.Group), SystemTopics.PopRetryV2(topic, consumer.Group) }
            .Where(retry => !consumer.Subscriptions.Has(retry))];

    private async Task<(string Topic, string Retry)?> LookForAsync(string topic, string retry, CancellationToken cancellationToken)
    {
        try
        {
            await consumer.Client.NameServer.GetRouteAsync(retry, cancellationToken).WaitAsync(LongestAnswer, time, cancellationToken);
            return (topic, retry);
        }
        catch (Exception exception) when (exception is RocketMQException or TimeoutException)
        {
            // It is not there, as mostly, or nobody knows: it is looked for again.
            return null;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            382,
            LogLevel.Information,
            "Group {Group} pulls {Retry} as well: what it once popped of topic {Topic} and has not acknowledged comes again there")]
        public static partial void Found(ILogger logger, string group, string retry, string topic);
    }
}

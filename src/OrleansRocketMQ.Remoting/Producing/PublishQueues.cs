using System.Collections.Concurrent;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Producing;

/// <summary>
/// The queues a producer may write: those of the topic, or for a topic that does not exist yet those it will have when
/// the broker makes it on the first send. Mirrors <c>tryToFindTopicPublishInfo</c>.
/// </summary>
internal sealed class PublishQueues(RocketMQClient client, string defaultTopic, int defaultQueueCount)
{
    // Until the real route turns up; the route table keeps asking for it.
    private readonly ConcurrentDictionary<string, IReadOnlyList<MessageQueue>> _expected = new(StringComparer.Ordinal);

    public async ValueTask<IReadOnlyList<MessageQueue>> GetAsync(string topic, CancellationToken cancellationToken)
    {
        client.Publishing(topic);
        if (client.Routes.Find(topic) is { WriteQueues.Count: > 0 } known)
        {
            _expected.TryRemove(topic, out _);
            return known.WriteQueues;
        }

        if (_expected.TryGetValue(topic, out var expected))
        {
            return expected;
        }

        try
        {
            var route = await client.Routes.RefreshAsync(topic, cancellationToken).ConfigureAwait(false);
            return route.WriteQueues.Count > 0
                ? route.WriteQueues
                : throw new BrokerNotAvailableException($"Topic '{topic}' has no queue that may be written on a broker with a master.");
        }
        catch (TopicNotFoundException exception)
        {
            return _expected[topic] = await ExpectedAsync(topic, exception, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Forgets what was expected of a topic when it proved wrong.</summary>
    public void Forget(string topic) => _expected.TryRemove(topic, out _);

    private async Task<IReadOnlyList<MessageQueue>> ExpectedAsync(
        string topic,
        TopicNotFoundException notFound,
        CancellationToken cancellationToken)
    {
        TopicRouteData model;
        try
        {
            model = (await client.Routes.GetAsync(defaultTopic, cancellationToken).ConfigureAwait(false)).Data;
        }
        catch (TopicNotFoundException)
        {
            // No broker makes topics by itself.
            throw notFound;
        }

        var queues = model.QueueDatas.Select(data =>
        {
            var count = Math.Min(defaultQueueCount, data.ReadQueueNums);
            return data with { ReadQueueNums = count, WriteQueueNums = count };
        });
        var expected = TopicRoute.From(topic, model with { QueueDatas = [.. queues] }).WriteQueues;
        return expected.Count > 0 ? expected : throw notFound;
    }
}

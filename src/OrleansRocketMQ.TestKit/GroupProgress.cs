using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Statistics;

namespace OrleansRocketMQ.TestKit;

/// <summary>How far a group is with what the embedded brokers hold for it, told by the brokers' own books.</summary>
internal sealed class GroupProgress(EmbeddedRocketMQ embedded, InProcessTestCluster cluster, string group, bool broadcasting)
{
    private string RetryTopic => SystemTopics.Retry(group);

    /// <summary>What is not consumed and committed yet, a line each; empty when nothing is.</summary>
    public IReadOnlyList<string> Missing()
    {
        var topics = Topics();
        // A message that fails goes, before its offset is committed, to where it waits, and from there to the retry topic; so
        // what leaves one place is found at the next, provided that nothing came to a queue behind our back.
        var before = Ends(topics);
        List<string> missing = [.. topics.SelectMany(Behind)];
        missing.AddRange(topics.SelectMany(Delayed));
        if (missing.Count == 0 && !before.SequenceEqual(Ends(topics)))
        {
            missing.Add("messages have just come");
        }

        return missing;
    }

    /// <summary>What the silos say about the group, for the message of a wait that failed.</summary>
    public IEnumerable<string> Describe()
    {
        foreach (var silo in cluster.GetActiveSilos())
        {
            var services = cluster.GetSiloServiceProvider(silo.SiloAddress);
            var status = Status(services);
            if (status is null)
            {
                var state = services.GetRequiredService<IRocketMQConsumers>().Find(group)?.State.ToString() ?? "unknown";
                yield return $"silo {silo.Name}: the consumer is {state}";
                continue;
            }

            yield return $"silo {silo.Name}: {status.Consumed} consumed, {status.Failed} failed, {status.SentBack} sent back"
                + (status.IsReady ? string.Empty : ", not ready")
                + (status.Refused.Length > 0 ? $", refused: {status.Refused}" : string.Empty);
            var notable = status.Queues
                .Where(queue => queue.InFlight > 0 || queue.IsPaused || queue.HasFailed || queue.LastError.Length > 0);
            foreach (var queue in notable)
            {
                yield return $"  {queue.Queue}: {queue.InFlight} with the listener, {queue.CachedMessages} held"
                    + (queue.IsPaused ? ", paused" : string.Empty)
                    + (queue.HasFailed ? ", stopped" : string.Empty)
                    + (queue.LastError.Length > 0 ? $", last error: {queue.LastError}" : string.Empty);
            }
        }
    }

    /// <exception cref="ConsumerStateException">No silo has the group.</exception>
    private List<string> Topics()
    {
        var silo = cluster.GetActiveSilos().FirstOrDefault()
            ?? throw new ConsumerStateException(group, "without a silo that runs", "consume");
        var consumers = cluster.GetSiloServiceProvider(silo.SiloAddress).GetRequiredService<IRocketMQConsumers>();
        var subscriptions = consumers.Get(group).Subscriptions.List();
        List<string> topics = [.. subscriptions.Where(subscription => subscription.IsActive).Select(subscription => subscription.Topic)];
        if (!broadcasting && !topics.Contains(RetryTopic))
        {
            topics.Add(RetryTopic);
        }

        return topics;
    }

    private List<long> Ends(IEnumerable<string> topics)
        => [.. topics.SelectMany(Queues).Select(queue => queue.Broker.MaxOffset(queue.Topic, queue.Id))];

    private IEnumerable<string> Behind(string topic)
    {
        foreach (var (broker, name, id) in Queues(topic))
        {
            // In this order: the end may move on in between, never back.
            var committed = Committed(broker, name, id);
            var (begin, end) = (broker.MinOffset(name, id), broker.MaxOffset(name, id));
            if (end > begin && (committed ?? begin) < end)
            {
                yield return $"{name}, queue {id} of {broker.Name}: {end - (committed ?? begin)} of {end - begin} messages "
                    + $"(committed offset {committed?.ToString() ?? "none"}, end {end})";
            }
        }
    }

    private IEnumerable<string> Delayed(string topic)
        => from broker in embedded.Brokers
           let waiting = broker.DelayedMessages(topic)
           where waiting > 0
           select $"{topic} of {broker.Name}: {waiting} delayed messages are yet to come (RocketMQTestKit.Advance lets their time come)";

    private IEnumerable<(EmbeddedBroker Broker, string Topic, int Id)> Queues(string topic)
        => embedded.Brokers.SelectMany(broker => Enumerable.Range(0, broker.QueueCount(topic)).Select(id => (broker, topic, id)));

    // Brokers know nothing of the progress of broadcasting groups; of those every silo has to have everything.
    private long? Committed(EmbeddedBroker broker, string topic, int id)
    {
        if (!broadcasting)
        {
            return broker.CommittedOffset(group, topic, id);
        }

        var queue = new MessageQueue(topic, broker.Name, id);
        var offsets = cluster.GetActiveSilos()
            .Select(silo => Status(cluster.GetSiloServiceProvider(silo.SiloAddress))?.Queues
                .FirstOrDefault(status => status.Queue == queue)?.CommittedOffset ?? -1)
            .ToArray();
        return offsets.Length == 0 || offsets.Min() < 0 ? null : offsets.Min();
    }

    private SiloGroupStatus? Status(IServiceProvider services)
        => services.GetRequiredService<IRocketMQSiloStatus>().Groups.FirstOrDefault(status => status.Group == group);
}

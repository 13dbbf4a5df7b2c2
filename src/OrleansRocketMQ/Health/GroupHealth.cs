using System.Globalization;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Health;

/// <summary>How a group fares on this silo, in words.</summary>
/// <param name="Queues">The queues that run here.</param>
/// <param name="Missing">What it does not have yet, though it needs it to work at all.</param>
/// <param name="Troubles">What is wrong with a part of it, while the rest works.</param>
internal sealed record GroupHealth(int Queues, IReadOnlyList<string> Missing, IReadOnlyList<string> Troubles)
{
    public static GroupHealth Of(GroupConsumer consumer, DateTimeOffset now)
    {
        var queues = consumer.Pumps.Values.Select(pump => pump.Level).ToDictionary(level => level.Queue);
        var own = consumer.View.QueuesOf(consumer.Client.ClientId).ToHashSet();
        var starting = own.Where(queue => queues.GetValueOrDefault(queue) is not ({ HasBegun: true } or { LastError.Length: > 0 })).ToArray();
        var failing = queues.Values.Where(level => level.LastError.Length > 0).OrderBy(level => level.Queue).ToArray();
        var isMember = consumer.View.ClientIds.Contains(consumer.Client.ClientId);

        var missing = new List<string>();
        if (!isMember)
        {
            missing.Add($"group {consumer.Group} has no part of its queues yet");
        }

        if (starting.Length > 0)
        {
            missing.Add($"{starting.Length} of {own.Count} queues of group {consumer.Group} are still starting");
        }

        if (failing.Length > 0 && failing.Length == queues.Count && failing.All(level => !level.HasBegun))
        {
            missing.Add($"no queue of group {consumer.Group} has found where to begin");
        }

        return new GroupHealth(
            queues.Count,
            missing,
            [
                .. Refusals(consumer),
                .. WithoutQueues(consumer),
                .. Failing(consumer, failing, queues.Count, now),
                .. Unreachable(consumer.Client, failing, now),
            ]);
    }

    private static IEnumerable<string> Refusals(GroupConsumer consumer) => consumer.Refused is { } refused ? [refused.Message] : [];

    private static IEnumerable<string> WithoutQueues(GroupConsumer consumer) => consumer.Subscriptions.All
        .Where(subscription => subscription.Topic != consumer.Subscriptions.RetryTopic && consumer.Client.Routes.Find(subscription.Topic) is not { ReadQueues.Count: > 0 })
        .Select(subscription => $"topic {subscription.Topic} of group {consumer.Group} has no queues: no name server knows of a broker that serves it");

    private static IEnumerable<string> Failing(GroupConsumer consumer, QueueLevel[] failing, int all, DateTimeOffset now)
    {
        foreach (var halted in failing.Where(status => status.HasFailed))
        {
            yield return $"{halted.Queue} of group {consumer.Group} stands still until it is resumed: {halted.LastError}";
        }

        foreach (var broker in failing.Where(status => !status.HasFailed).GroupBy(status => status.Queue.BrokerName, StringComparer.Ordinal))
        {
            var address = consumer.Client.Routes.FindAddress(broker.Key)?.Address;
            var since = broker.Max(status => status.LastPulledAt) ?? consumer.Client.UnreachableBrokers.FirstOrDefault(server => server.Address == address)?.Since;
            var silence = since is { } last ? $"has not answered for {Seconds(now - last)}" : "has not answered yet";
            yield return $"broker {broker.Key} at {address ?? "no known address"} {silence}; "
                + $"{broker.Count()} of {all} queues of group {consumer.Group} wait for it: {broker.First().LastError}";
        }
    }

    private static IEnumerable<string> Unreachable(RocketMQClient client, QueueLevel[] failing, DateTimeOffset now)
    {
        foreach (var server in client.NameServer.Unreachable)
        {
            yield return $"name server {server.Address} has not answered for {Seconds(now - server.Since)}: {server.Reason}";
        }

        // Those whose queues wait for them are told of already.
        var known = failing.Select(status => client.Routes.FindAddress(status.Queue.BrokerName)?.Address).ToHashSet();
        foreach (var server in client.UnreachableBrokers.Where(server => !known.Contains(server.Address)))
        {
            yield return $"the broker at {server.Address} has not taken heartbeats for {Seconds(now - server.Since)}: {server.Reason}";
        }
    }

    private static string Seconds(TimeSpan span) => string.Create(CultureInfo.InvariantCulture, $"{Math.Max(0, span.TotalSeconds):0} s");
}

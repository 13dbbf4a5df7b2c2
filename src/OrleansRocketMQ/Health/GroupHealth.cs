using System.Globalization;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Queue;

namespace OrleansRocketMQ.Health;

/// <summary>How a group fares on this silo, in words.</summary>
/// <param name="Queues">The queues that run here.</param>
/// <param name="Missing">What it does not have yet, though it needs it to work at all.</param>
/// <param name="Troubles">What is wrong with a part of it, while the rest works.</param>
internal sealed record GroupHealth(int Queues, IReadOnlyList<string> Missing, IReadOnlyList<string> Troubles)
{
    public static GroupHealth Of(ConsumerGroupRuntime consumer, DateTimeOffset now)
    {
        var queues = consumer.Pumps.Values.Select(pump => pump.Level).ToDictionary(level => level.Queue);
        var own = consumer.View.QueuesOf(consumer.Client.ClientId).ToHashSet();
        var starting = own.Where(queue => (consumer.IsBroadcasting || !consumer.Elsewhere.ContainsKey(queue))
            && queues.GetValueOrDefault(queue) is not ({ HasBegun: true } or { LastError.Length: > 0 })).ToArray();
        var failing = queues.Values.Where(level => level.LastError.Length > 0).OrderBy(level => level.Queue).ToArray();
        var isMember = consumer.View.ClientIds.Contains(consumer.Client.ClientId);

        var missing = new List<string>();
        var withoutGroup = consumer.Missing.Reasons.ToArray();
        if (!isMember)
        {
            var why = withoutGroup.Length > 0 ? $": {string.Join("; ", withoutGroup)}"
                : consumer.Allocation?.Failure is { } reason ? $": {reason}"
                : string.Empty;
            missing.Add($"group {consumer.Group} has no part of its queues yet{why}");
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
                .. isMember ? withoutGroup : [],
                .. Elsewhere(consumer),
                .. Outsiders(consumer),
                .. consumer.Flow.Breakers.Select(breaker => $"group {consumer.Group}: {breaker}"),
                .. WithoutQueues(consumer),
                .. Gone(consumer),
                .. Failing(consumer, failing, queues.Count, now),
                .. Unreachable(consumer.Client, failing, now),
                .. consumer.Client.FileTroubles,
            ]);
    }

    private static IEnumerable<string> Refusals(ConsumerGroupRuntime consumer) => consumer.Refused is { } refused ? [refused.Message] : [];

    // They are consumed, so the silo is of use; and while a roll changes how queues are shared out, it must go on.
    private static IEnumerable<string> Elsewhere(ConsumerGroupRuntime consumer)
    {
        if (consumer.Allocation?.Difference is { Length: > 0 } difference)
        {
            yield return $"group {consumer.Group}: {difference}";
        }

        if (consumer.Namesake is { } namesake)
        {
            yield return $"group {consumer.Group} is broadcasting, and another active silo, {namesake.ToParsableString()}, "
                + $"has this silo's name {consumer.Instance}: one of the two gets no messages";
        }

        foreach (var silo in consumer.Elsewhere.GroupBy(pair => pair.Value, pair => pair.Key))
        {
            yield return $"{silo.Count()} queues of group {consumer.Group} that should run here run on silo {silo.Key}";
        }
    }

    private static IEnumerable<string> Outsiders(ConsumerGroupRuntime consumer) => consumer.Outsiders is { All: { Count: > 0 } all }
        ? [$"group {consumer.Group} keeps state in grains of this cluster, and members that are no silos of it consume, too: "
            + string.Join(", ", all)]
        : [];

    private static IEnumerable<string> WithoutQueues(ConsumerGroupRuntime consumer) => consumer.Subscriptions.All
        .Where(subscription => subscription.Topic != consumer.Subscriptions.RetryTopic
            && consumer.Client.Routes.Find(subscription.Topic) is not { ReadQueues.Count: > 0 })
        .Select(subscription => subscription.Topic)
        .Select(topic => $"topic {topic} of group {consumer.Group} has no queues: {WhyNot(consumer, topic)}");

    // Deleted, or name servers have just started and brokers have not registered again.
    private static IEnumerable<string> Gone(ConsumerGroupRuntime consumer) => consumer.Subscriptions.All
        .Where(subscription => consumer.Client.Routes.Find(subscription.Topic) is { ReadQueues.Count: > 0 }
            && consumer.Client.Routes.FailureOf(subscription.Topic) is TopicNotFoundException)
        .Select(subscription => $"no name server knows topic {subscription.Topic} of group {consumer.Group} any more; "
            + "its queues go on at the brokers that had it");

    private static string WhyNot(
        ConsumerGroupRuntime consumer,
        string topic) => consumer.Client.Routes.FailureOf(topic) is { } failure and not TopicNotFoundException
        ? failure.Message
        : "no name server knows of a broker that serves it";

    private static IEnumerable<string> Failing(ConsumerGroupRuntime consumer, QueueLevel[] failing, int all, DateTimeOffset now)
    {
        foreach (var halted in failing.Where(status => status.HasFailed))
        {
            yield return $"{halted.Queue} of group {consumer.Group} stands still until it is resumed: {halted.LastError}";
        }

        var silent = failing.Where(status => !status.HasFailed);
        foreach (var broker in silent.GroupBy(
            status => consumer.Client.Routes.BrokerOf(status.Queue) ?? status.Queue.BrokerName, StringComparer.Ordinal))
        {
            var address = consumer.Client.Routes.FindAddress(broker.Key)?.Address;
            var since = broker.Max(status => status.LastPulledAt)
                ?? consumer.Client.UnreachableBrokers.FirstOrDefault(server => server.Address == address)?.Since;
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
        var known = failing.Select(status => client.Routes.FindAddressOf(status.Queue)?.Address).ToHashSet();
        foreach (var server in client.UnreachableBrokers.Where(server => !known.Contains(server.Address)))
        {
            yield return $"the broker at {server.Address} has not taken heartbeats for {Seconds(now - server.Since)}: {server.Reason}";
        }
    }

    private static string Seconds(TimeSpan span) => string.Create(CultureInfo.InvariantCulture, $"{Math.Max(0, span.TotalSeconds):0} s");
}

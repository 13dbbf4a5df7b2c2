using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>
/// What an account may not read. A broker that knows rights refuses a heartbeat as a whole for one topic of it, and nothing
/// that this client consumes would be; so heartbeats to that broker go without the topic. Thread-safe.
/// </summary>
internal sealed partial class DeniedSubscriptions(BrokerClient brokers, ILogger logger)
{
    private readonly ConcurrentDictionary<(string Broker, string Group, string Topic), string> _told = new();

    /// <summary>The broker has taken everything.</summary>
    public void NothingAt(BrokerAddress target)
    {
        foreach (var denied in _told.Keys.Where(denied => denied.Broker == target.Address))
        {
            _told.TryRemove(denied, out _);
        }
    }

    /// <summary>A heartbeat without what the broker does not let its groups pull; null when that is nothing.</summary>
    public async Task<HeartbeatData?> LeaveOutAsync(BrokerAddress target, HeartbeatData heartbeat, CancellationToken cancellationToken)
    {
        var questions = heartbeat.ConsumerDataSet
            .SelectMany(group => group.SubscriptionDataSet, (group, subscription) => (Group: group.GroupName, subscription.Topic))
            .Where(pair => !SystemTopics.IsRetry(pair.Topic))
            .Select(pair => WhyDeniedAsync(target, pair.Group, pair.Topic, cancellationToken));
        var denials = await Task.WhenAll(questions).ConfigureAwait(false);
        var denied = denials.OfType<Denial>().ToDictionary(denial => (denial.Group, denial.Topic));
        foreach (var (group, topic, reason) in denied.Values)
        {
            if (_told.TryAdd((target.Address, group, topic), reason))
            {
                Log.Denied(logger, target.Address, group, topic, reason);
            }
        }

        if (denied.Count == 0)
        {
            return null;
        }

        var allowed = heartbeat.ConsumerDataSet.Select(group => group with
        {
            SubscriptionDataSet = [.. group.SubscriptionDataSet.Where(asked => !denied.ContainsKey((group.GroupName, asked.Topic)))],
        });

        // A group of which nothing is left but its retries may not be the account's either.
        return heartbeat with
        {
            ConsumerDataSet = [.. allowed.Where(group => !group.SubscriptionDataSet.All(left => SystemTopics.IsRetry(left.Topic)))],
        };
    }

    private async Task<Denial?> WhyDeniedAsync(BrokerAddress target, string group, string topic, CancellationToken cancellationToken)
    {
        try
        {
            var queue = new MessageQueue(topic, target.BrokerName, 0);
            await brokers.CheckPullAsync(target.Address, group, queue, cancellationToken).ConfigureAwait(false);
            return null;
        }
        catch (BrokerResponseException refusal)
        {
            // Anything else, that it has no such topic for one, is no reason to refuse a heartbeat.
            return refusal.ResponseCode == ResponseCodes.NoPermission ? new(group, topic, refusal.Remark ?? refusal.Message) : null;
        }
    }

    private sealed record Denial(string Group, string Topic, string Reason);

    private static partial class Log
    {
        [LoggerMessage(
            72,
            LogLevel.Warning,
            "Broker {Broker} does not let group {Group} read topic {Topic}, and refuses heartbeats that name it; "
                + "they go without it, so that the rest is consumed: {Reason}")]
        public static partial void Denied(ILogger logger, string broker, string group, string topic, string reason);
    }
}

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
        var allowed = await Task.WhenAll(heartbeat.ConsumerDataSet.Select(group => AllowedAsync(target, group, cancellationToken))).ConfigureAwait(false);
        if (allowed.Zip(heartbeat.ConsumerDataSet).All(pair => ReferenceEquals(pair.First, pair.Second)))
        {
            return null;
        }

        // A group of which nothing is left but its retries may not be the account's either.
        return heartbeat with { ConsumerDataSet = [.. allowed.Where(group => !group.SubscriptionDataSet.All(IsRetries))] };
    }

    // Brokers do not ask for rights on it.
    private static bool IsRetries(SubscriptionData subscription) => SystemTopics.IsRetry(subscription.Topic);

    private async Task<ConsumerData> AllowedAsync(BrokerAddress target, ConsumerData group, CancellationToken cancellationToken)
    {
        var allowed = new List<SubscriptionData>();
        foreach (var subscription in group.SubscriptionDataSet)
        {
            if (IsRetries(subscription) || await WhyDeniedAsync(target, group.GroupName, subscription.Topic, cancellationToken).ConfigureAwait(false) is not { } reason)
            {
                allowed.Add(subscription);
            }
            else if (_told.TryAdd((target.Address, group.GroupName, subscription.Topic), reason))
            {
                Log.Denied(logger, target.Address, group.GroupName, subscription.Topic, reason);
            }
        }

        return allowed.Count == group.SubscriptionDataSet.Count ? group : group with { SubscriptionDataSet = allowed };
    }

    private async Task<string?> WhyDeniedAsync(BrokerAddress target, string group, string topic, CancellationToken cancellationToken)
    {
        try
        {
            await brokers.CheckPullAsync(target.Address, group, new MessageQueue(topic, target.BrokerName, 0), cancellationToken).ConfigureAwait(false);
            return null;
        }
        catch (BrokerResponseException refusal)
        {
            // Anything else, that it has no such topic for one, is no reason to refuse a heartbeat.
            return refusal.ResponseCode == ResponseCodes.NoPermission ? refusal.Remark ?? refusal.Message : null;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(72, LogLevel.Warning, "Broker {Broker} does not let group {Group} read topic {Topic}, and refuses heartbeats that name it; they go without it, so that the rest is consumed: {Reason}")]
        public static partial void Denied(ILogger logger, string broker, string group, string topic, string reason);
    }
}

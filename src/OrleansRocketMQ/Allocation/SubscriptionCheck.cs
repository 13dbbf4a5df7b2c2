using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Allocation;

/// <summary>
/// Asks a broker whether it accepts a SQL92 subscription before its queues start; one it does not accept would come
/// back empty or fail with every pull. Asked again with every look, since a broker's setting may change.
/// Mirrors <c>MQClientInstance.checkClientInBroker</c>.
/// </summary>
internal sealed partial class SubscriptionCheck(GroupConsumer consumer, ILogger logger)
{
    private readonly Dictionary<string, MessageSelector> _accepted = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (MessageSelector Selector, SubscribeException Error)> _refused = new(StringComparer.Ordinal);

    /// <summary>What was said about topics given up, or about selectors replaced, does not count any more.</summary>
    public void Forget(SubscriptionTable subscriptions)
    {
        foreach (var topic in _accepted.Where(pair => subscriptions.Find(pair.Key)?.Selector != pair.Value).Select(pair => pair.Key).ToArray())
        {
            _accepted.Remove(topic);
        }

        foreach (var topic in _refused.Where(pair => subscriptions.Find(pair.Key)?.Selector != pair.Value.Selector).Select(pair => pair.Key).ToArray())
        {
            _refused.Remove(topic);
            consumer.Refused = _refused.Values.FirstOrDefault().Error;
        }
    }

    public async Task<bool> IsAcceptedAsync(Subscription subscription, TopicRoute route, CancellationToken cancellationToken)
    {
        if (subscription.Selector.Type == ExpressionType.Tag || _accepted.ContainsKey(subscription.Topic))
        {
            return true;
        }

        var address = route.ReadQueues.Select(queue => consumer.Client.Routes.FindAddress(queue.BrokerName)?.Address).FirstOrDefault(found => found is not null)
            ?? throw new BrokerNotAvailableException($"No broker of topic '{subscription.Topic}' is known.");
        try
        {
            await consumer.Client.Brokers.CheckClientConfigAsync(
                address,
                new CheckClientRequest { ClientId = consumer.Client.ClientId, Group = consumer.Group, SubscriptionData = subscription.Data },
                cancellationToken).ConfigureAwait(false);
            _accepted[subscription.Topic] = subscription.Selector;
            _refused.Remove(subscription.Topic);
            consumer.Refused = _refused.Values.FirstOrDefault().Error;
            return true;
        }
        catch (BrokerResponseException exception)
        {
            var error = new SubscribeException(subscription.Topic, $"the broker refuses the selector {subscription.Selector}: {exception.Remark}", exception);
            if (_refused.TryAdd(subscription.Topic, (subscription.Selector, error)))
            {
                Log.Refused(logger, consumer.Group, error);
            }

            consumer.Refused = error;

            return false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(161, LogLevel.Error, "Group {Group} does not consume a topic it subscribes to")]
        public static partial void Refused(ILogger logger, string group, Exception exception);
    }
}

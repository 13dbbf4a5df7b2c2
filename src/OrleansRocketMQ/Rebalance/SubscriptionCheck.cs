using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Subscriptions;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Allocation;

/// <summary>
/// Asks a broker whether it accepts a SQL92 subscription before its queues start; one it does not accept would come
/// back empty or fail with every pull. Asked again with every look, since a broker's setting may change.
/// Mirrors <c>MQClientInstance.checkClientInBroker</c>.
/// </summary>
internal sealed partial class SubscriptionCheck(ConsumerGroupRuntime consumer, TimeProvider time, ILogger logger)
{
    // Then the group's other topics go on without this one; the answer counts at a later look.
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(1);

    private readonly Dictionary<string, (MessageSelector Selector, Task<BrokerResponseException?> Answer)> _asking
        = new(StringComparer.Ordinal);
    private readonly HashSet<string> _silent = new(StringComparer.Ordinal);
    private readonly Dictionary<string, MessageSelector> _accepted = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (MessageSelector Selector, SubscribeException Error)> _refused = new(StringComparer.Ordinal);

    /// <summary>What was said about topics given up, or about selectors replaced, does not count any more.</summary>
    public void Forget(SubscriptionTable subscriptions)
    {
        var accepted = _accepted.Where(pair => subscriptions.Find(pair.Key)?.Selector != pair.Value);
        foreach (var topic in accepted.Select(pair => pair.Key).ToArray())
        {
            _accepted.Remove(topic);
        }

        var refused = _refused.Where(pair => subscriptions.Find(pair.Key)?.Selector != pair.Value.Selector);
        foreach (var topic in refused.Select(pair => pair.Key).ToArray())
        {
            _refused.Remove(topic);
            consumer.Refused = _refused.Values.FirstOrDefault().Error;
        }
    }

    /// <summary>Asks one broker after the other until one answers.</summary>
    /// <returns>
    /// Whether the broker accepts the subscription; null when none of them says anything in time, which holds up no other
    /// topic.
    /// </returns>
    public async Task<bool?> IsAcceptedAsync(Subscription subscription, TopicRoute route, CancellationToken cancellationToken)
    {
        if (subscription.Selector.Type == ExpressionType.Tag
            || (_accepted.TryGetValue(subscription.Topic, out var accepted) && accepted == subscription.Selector))
        {
            return true;
        }

        if (!_asking.TryGetValue(subscription.Topic, out var asking) || asking.Selector != subscription.Selector)
        {
            _asking[subscription.Topic] = asking = (subscription.Selector, AskAsync(subscription, route, cancellationToken));
        }

        try
        {
            var refusal = await asking.Answer.WaitAsync(LongestWait, time, cancellationToken).ConfigureAwait(false);
            _asking.Remove(subscription.Topic);
            return Note(subscription, refusal);
        }
        catch (TimeoutException)
        {
            return null;
        }
        catch (RocketMQException exception)
        {
            _asking.Remove(subscription.Topic);
            if (_silent.Add(subscription.Topic))
            {
                Log.NoAnswer(logger, consumer.Group, subscription.Topic, exception.Message);
            }

            return null;
        }
    }

    /// <returns>Why brokers refuse it; null when one accepts it. Queues of those that refuse tell so themselves.</returns>
    private async Task<BrokerResponseException?> AskAsync(Subscription subscription, TopicRoute route, CancellationToken cancellationToken)
    {
        RocketMQException? last = null;
        BrokerResponseException? refusal = null;
        foreach (var broker in route.ReadQueues.Select(route.BrokerOf).Distinct(StringComparer.Ordinal))
        {
            if (broker is null || consumer.Client.Routes.FindAddress(broker)?.Address is not { } address)
            {
                continue;
            }

            try
            {
                await consumer.Client.Brokers.CheckClientConfigAsync(
                    address,
                    new CheckClientRequest
                    {
                        ClientId = consumer.Client.ClientId,
                        Group = consumer.Group,
                        SubscriptionData = subscription.Data,
                    },
                    cancellationToken).ConfigureAwait(false);
                return null;
            }
            catch (BrokerResponseException exception)
            {
                // Brokers may be set up differently (enablePropertyFilter).
                refusal ??= exception;
            }
            catch (RocketMQException exception)
            {
                // Away, though still in the routes.
                last = exception;
            }
        }

        return refusal ?? throw last ?? new BrokerNotAvailableException($"No broker of topic '{subscription.Topic}' is known.");
    }

    private bool Note(Subscription subscription, BrokerResponseException? refusal)
    {
        _silent.Remove(subscription.Topic);
        if (refusal is null)
        {
            _accepted[subscription.Topic] = subscription.Selector;
            _refused.Remove(subscription.Topic);
            consumer.Refused = _refused.Values.FirstOrDefault().Error;
            return true;
        }

        var error = new SubscribeException(
            subscription.Topic, $"the broker refuses the selector {subscription.Selector}: {refusal.Remark}", refusal);
        if (_refused.TryAdd(subscription.Topic, (subscription.Selector, error)))
        {
            Log.Refused(logger, consumer.Group, error);
        }

        consumer.Refused = error;
        return false;
    }

    private static partial class Log
    {
        [LoggerMessage(295, LogLevel.Error, "Group {Group} does not consume a topic it subscribes to")]
        public static partial void Refused(ILogger logger, string group, Exception exception);

        [LoggerMessage(
            294,
            LogLevel.Warning,
            "Group {Group} waits with topic {Topic}: no broker says whether it accepts the selector, they are asked again; "
                + "other topics go on: {Reason}")]
        public static partial void NoAnswer(ILogger logger, string group, string topic, string reason);
    }
}

using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Consumers;

namespace OrleansRocketMQ.Allocation;

/// <summary>The queues of the topics a group subscribes to; a topic that cannot be read keeps no other one from it.</summary>
internal sealed partial class SubscribedQueues(ConsumerGroupRuntime consumer, TimeProvider time, ILogger logger)
{
    private readonly HashSet<string> _missingTopics = new(StringComparer.Ordinal);
    private readonly SubscriptionCheck _check = new(consumer, time, logger);

    /// <summary>Each topic's queues, and whether all topics could be read.</summary>
    public async Task<(IReadOnlyList<IReadOnlyList<MessageQueue>> Topics, bool Complete)> ReadAsync(
        CancellationToken cancellationToken)
    {
        var topics = new List<IReadOnlyList<MessageQueue>>();
        var complete = true;
        _check.Forget(consumer.Subscriptions);
        _missingTopics.RemoveWhere(topic => !consumer.Subscriptions.Has(topic));
        foreach (var subscription in consumer.Subscriptions.All)
        {
            try
            {
                var route = await consumer.Client.Routes.GetAsync(subscription.Topic, cancellationToken).ConfigureAwait(false);
                _missingTopics.Remove(subscription.Topic);
                var accepted = await _check.IsAcceptedAsync(subscription, route, cancellationToken).ConfigureAwait(false);

                // What runs already goes on by the answer that was got for it.
                if (accepted ?? consumer.View.Queues.Any(queue => queue.Topic == subscription.Topic))
                {
                    topics.Add(route.ReadQueues);
                }

                complete &= accepted is not null;
            }
            catch (TopicNotFoundException) when (subscription.Topic == consumer.Subscriptions.RetryTopic)
            {
                // The first heartbeat makes it; the route table goes on looking.
                complete = false;
            }
            catch (TopicNotFoundException exception)
            {
                if (_missingTopics.Add(subscription.Topic))
                {
                    Log.TopicMissing(logger, consumer.Group, exception.Message);
                }

                complete = false;
            }
            catch (RocketMQException exception)
            {
                // One topic that cannot be asked for does not keep the others from being consumed.
                if (_missingTopics.Add(subscription.Topic))
                {
                    if (IsOfThisTopicAlone(exception))
                    {
                        Log.TopicLeftOut(logger, consumer.Group, subscription.Topic, exception.Message);
                    }
                    else
                    {
                        Log.TopicUnknown(logger, consumer.Group, subscription.Topic, exception.Message);
                    }
                }

                complete = false;
            }
        }

        return (topics, complete);
    }

    // Somebody answered, so it is the topic; else those who know of it are away.
    private static bool IsOfThisTopicAlone(Exception exception) => exception switch
    {
        BrokerResponseException or MessageFormatException => true,
        NameServerException { InnerException: AggregateException several } => several.InnerExceptions.All(IsOfThisTopicAlone),
        NameServerException { InnerException: { } one } => IsOfThisTopicAlone(one),
        _ => false,
    };

    private static partial class Log
    {
        [LoggerMessage(153, LogLevel.Warning, "Group {Group}: {Reason} It is picked up once it is there.")]
        public static partial void TopicMissing(ILogger logger, string group, string reason);

        [LoggerMessage(
            293,
            LogLevel.Warning,
            "Group {Group}: where topic {Topic} is could not be found out, it is asked for again; other topics go on: {Reason}")]
        public static partial void TopicUnknown(ILogger logger, string group, string topic, string reason);

        [LoggerMessage(290, LogLevel.Error, "Group {Group} goes without topic {Topic} as long as this is so: {Reason}")]
        public static partial void TopicLeftOut(ILogger logger, string group, string topic, string reason);
    }
}

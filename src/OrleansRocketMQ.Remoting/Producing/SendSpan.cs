using System.Diagnostics;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Telemetry;

namespace OrleansRocketMQ.Producing;

/// <summary>The activity of a send: <c>send {topic}</c>, of kind producer. Messages sent carry its context.</summary>
internal static class SendSpan
{
    /// <summary>Whether anybody wants activities at all; asked first, so that sends cost nothing when not.</summary>
    public static bool AreWanted => RocketMQTelemetry.Source.HasListeners();

    /// <summary>Starts the activity; null when it is not sampled.</summary>
    /// <param name="message">The message, or the first of a batch.</param>
    /// <param name="count">How many messages are sent together.</param>
    /// <param name="client">Who sends them.</param>
    /// <param name="now">When, in milliseconds since 1970.</param>
    public static Activity? Start(Message message, int count, RocketMQClientOptions client, long now)
    {
        var activity = RocketMQTelemetry.Source.StartActivity(
            $"{MessagingAttributes.Send} {message.Topic}",
            ActivityKind.Producer,
            default(ActivityContext),
            [
                new(MessagingAttributes.System, MessagingAttributes.RocketMQ),
                new(MessagingAttributes.OperationName, MessagingAttributes.Send),
                new(MessagingAttributes.OperationType, MessagingAttributes.Send),
                new(MessagingAttributes.Destination, message.Topic),
                new(MessagingAttributes.Namespace, client.Namespace),
                new(MessagingAttributes.ClientId, client.ClientId),
            ]);
        if (activity is not { IsAllDataRequested: true })
        {
            return activity;
        }

        if (count > 1)
        {
            activity.SetTag(MessagingAttributes.BatchCount, count);
            return activity;
        }

        MessageTags.Of(message, now).AddTo(activity);
        return activity;
    }

    /// <summary>Says what became of the send.</summary>
    public static void Succeed(Activity? activity, SendResult result, string? server)
    {
        if (activity is { IsAllDataRequested: true })
        {
            activity.SetTag(MessagingAttributes.MessageId, result.MessageId);
            activity.SetTag(MessagingAttributes.Partition, MessagingAttributes.PartitionOf(result.Queue));
            foreach (var (name, value) in OperationDuration.TagsOf(server))
            {
                activity.SetTag(name, value);
            }
        }
    }

    /// <summary>The activity ended in an error.</summary>
    public static void Fail(Activity? activity, Exception exception)
    {
        activity?.SetTag(MessagingAttributes.ErrorType, MessagingAttributes.TypeOf(exception));
        activity?.SetStatus(ActivityStatusCode.Error, exception.Message);
    }
}

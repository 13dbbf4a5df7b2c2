using System.Diagnostics;
using OrleansRocketMQ.Consumers;

namespace OrleansRocketMQ.Telemetry;

/// <summary>
/// The activity of a listener's call: <c>process {topic}</c>, of kind consumer, current while the listener runs, so that
/// its own grain calls become part of it. It is linked to the activities that sent its messages, and a call for a single
/// message is the child of that message's. A message that comes again has the properties it had first, so all its attempts
/// belong to one trace.
/// </summary>
internal static class ProcessSpan
{
    /// <summary>Whether anybody wants activities at all; asked first, so that calls cost nothing when not.</summary>
    public static bool AreWanted => RocketMQTelemetry.Source.HasListeners();

    /// <summary>
    /// Starts the activity; null when it is not sampled. To be called within the async method that has the listener called.
    /// </summary>
    /// <param name="group">The group.</param>
    /// <param name="consumer">The group on this silo; null when it does not run here.</param>
    /// <param name="queue">The queue the batch was pulled from.</param>
    /// <param name="batch">The messages.</param>
    /// <param name="failures">How often the first of them has failed.</param>
    public static Activity? Start(
        string group, ConsumerGroupRuntime? consumer, MessageQueue queue, ArraySegment<MessageExt> batch, int failures)
    {
        List<ActivityLink>? links = null;
        foreach (var message in batch)
        {
            if (TraceContext.TryGet(message, out var context))
            {
                (links ??= []).Add(new ActivityLink(context));
            }
        }

        var common = ProcessTags.Of(group, consumer, queue, batch[0].Topic);
        var activity = RocketMQTelemetry.Source.StartActivity(
            common.Name,
            ActivityKind.Consumer,
            batch.Count == 1 && links is not null ? links[0].Context : default,
            common.Tags,
            links);
        if (activity is null)
        {
            return null;
        }

        if (batch.Count == 1)
        {
            TraceContext.AddBaggage(activity, batch[0]);
        }

        if (activity.IsAllDataRequested)
        {
            Describe(activity, batch, failures);
        }

        return activity;
    }

    /// <summary>Ends the activity. Safe to call more than once; the first time counts.</summary>
    public static void End(Activity? activity, string? errorType, string? error)
    {
        if (activity is null || activity.IsStopped)
        {
            return;
        }

        if (errorType is not null)
        {
            activity.SetTag(MessagingAttributes.ErrorType, errorType);
            activity.SetStatus(ActivityStatusCode.Error, error);
        }

        activity.Dispose();
    }

    // Each tag is set once: looking whether it is there already would cost more with each.
    private static void Describe(Activity activity, ArraySegment<MessageExt> batch, int failures)
    {
        activity.AddTag(MessagingAttributes.DeliveryAttempt, failures + 1);
        if (batch.Count > 1)
        {
            activity.AddTag(MessagingAttributes.BatchCount, batch.Count);
            return;
        }

        var message = batch[0];
        activity.AddTag(MessagingAttributes.MessageId, message.MessageId);
        var isTransaction = message.TransactionState == TransactionState.Committed;
        new MessageTags(message.GetProperty, message.Body.Length, message.BornTimestamp, isTransaction).AddTo(activity);
    }
}

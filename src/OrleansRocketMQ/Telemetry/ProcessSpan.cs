using System.Diagnostics;

namespace OrleansRocketMQ.Telemetry;

/// <summary>
/// The activity of a listener's call: <c>process {topic}</c>, of kind consumer, current while the listener runs, so that
/// its own grain calls become part of it. It is linked to the activities that sent its messages, and a call for a single
/// message is the child of that message's. A message that comes again has the properties it had first, so all its attempts
/// belong to one trace.
/// </summary>
internal static class ProcessSpan
{
    // Of nearly all messages.
    private static readonly object FirstAttempt = 1;

    /// <summary>Whether anybody wants activities at all; asked first, so that calls cost nothing when not.</summary>
    public static bool AreWanted => RocketMQTelemetry.Source.HasListeners();

    /// <summary>
    /// Starts the activity; null when it is not sampled. To be called within the async method that has the listener called.
    /// </summary>
    /// <param name="common">What it has in common with others of the queue.</param>
    /// <param name="batch">The messages.</param>
    /// <param name="failures">How often the first of them has failed.</param>
    public static Activity? Start(ProcessTags common, ArraySegment<MessageExt> batch, int failures)
    {
        var isOne = batch.Count == 1;
        var areTraced = TraceContext.MayBeIn(batch);
        var links = areTraced ? LinksTo(batch) : null;
        var activity = RocketMQTelemetry.Source.StartActivity(
            common.Name,
            ActivityKind.Consumer,
            isOne && links is not null ? links[0].Context : default,
            common.Tags,
            links);
        if (activity is null)
        {
            return null;
        }

        if (isOne && areTraced)
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

    private static List<ActivityLink>? LinksTo(ArraySegment<MessageExt> batch)
    {
        List<ActivityLink>? links = null;
        foreach (var message in batch)
        {
            if (TraceContext.TryGet(message, out var context))
            {
                (links ??= new(batch.Count)).Add(new ActivityLink(context));
            }
        }

        return links;
    }

    // Each tag is set once: looking whether it is there already would cost more with each.
    private static void Describe(Activity activity, ArraySegment<MessageExt> batch, int failures)
    {
        activity.AddTag(MessagingAttributes.DeliveryAttempt, failures == 0 ? FirstAttempt : failures + 1);
        if (batch.Count > 1)
        {
            activity.AddTag(MessagingAttributes.BatchCount, batch.Count);
            return;
        }

        var tags = MessageTags.Of(batch[0]);
        activity.AddTag(MessagingAttributes.MessageId, tags.UniqueKey ?? batch[0].OffsetMessageId);
        tags.AddTo(activity);
    }
}

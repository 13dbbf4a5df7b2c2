using System.Collections.Concurrent;
using System.Diagnostics;
using OrleansRocketMQ.Engine.Group;
using OrleansRocketMQ.Telemetry;

namespace OrleansRocketMQ.Tests.Telemetry;

/// <summary>Samples all activities of this library, and of other sources if wanted, and keeps them when they end.</summary>
internal sealed class ActivityProbe : IDisposable
{
    private readonly ConcurrentQueue<Activity> _ended = new();
    private readonly ActivityListener _listener;

    public ActivityProbe(ActivitySamplingResult sampling = ActivitySamplingResult.AllDataAndRecorded, Func<string, bool>? others = null)
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == RocketMQTelemetry.ActivitySourceName || others?.Invoke(source.Name) == true,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => sampling,
            ActivityStopped = _ended.Enqueue,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public IReadOnlyList<Activity> Ended => [.. _ended];

    /// <summary>Calls of the group's listener, in the order they ended; waits until there are that many.</summary>
    public async Task<IReadOnlyList<Activity>> ProcessedAsync(string group, int count)
    {
        IReadOnlyList<Activity> Of() => [.. _ended.Where(activity => activity.Kind == ActivityKind.Consumer && Equals(activity.GetTagItem(MessagingAttributes.ConsumerGroup), group))];
        await Eventually.TrueAsync(() => Of().Count >= count, () => $"{count} activities; there are {Of().Count}");
        return Of();
    }

    /// <summary>The send of the message with that id, or those ids.</summary>
    public Activity Sent(string messageId) => Assert.Single(_ended, activity => activity.Kind == ActivityKind.Producer && Equals(activity.GetTagItem(MessagingAttributes.MessageId), messageId));

    public void Dispose() => _listener.Dispose();
}

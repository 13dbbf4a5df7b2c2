using OrleansRocketMQ;

namespace WindowedCounts;

/// <summary>
/// Counts the views of one page in windows of a minute, by the time at which the views were sent (BornTimestamp).
/// </summary>
/// <remarks>
/// Delivery is at least once, so adding one for each message would count some views twice: those that a silo had counted
/// when it crashed, but not committed. Here a view counts once. The messages of a key in a queue come in the order of their
/// offsets, so one number per queue says which were counted, and it is stored in the same write as the counts: a message
/// at or below it is left out. Replaying the topic from an earlier offset changes nothing, for the same reason.
/// </remarks>
[RocketMQListener(Group, Topic)]
internal sealed class PageGrain(CrashOnce crash, [PersistentState("views")] IPersistentState<PageViews> views) : Grain, IKeyOrderedListener, IPageGrain
{
    public const string Group = "page-views";
    public const string Topic = "PageViews";

    public async ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        var queue = context.Queue.ToString();
        foreach (var message in messages)
        {
            if (message.QueueOffset <= views.State.CountedUpTo.GetValueOrDefault(queue, -1))
            {
                views.State.Repeats++;
                continue;
            }

            // StoreTimestamp, the broker's clock, does as well; it never runs backwards within a queue.
            var born = DateTimeOffset.FromUnixTimeMilliseconds(message.BornTimestamp);
            var window = new DateTimeOffset(born.Year, born.Month, born.Day, born.Hour, born.Minute, 0, TimeSpan.Zero);
            views.State.Windows[window] = views.State.Windows.GetValueOrDefault(window) + 1;
            views.State.CountedUpTo[queue] = message.QueueOffset;
        }

        // One write for a whole batch; also for one that came again, maybe because this write failed the first time.
        await views.WriteStateAsync(cancellationToken);
        crash.Now(this.GetPrimaryKeyString());
        return ConsumeResult.Success;
    }

    public Task<PageViews> GetViewsAsync() => Task.FromResult(views.State);
}

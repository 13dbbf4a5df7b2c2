namespace OrleansRocketMQ.Dashboard.Status;

/// <summary>Puts a group's status into the page's terms.</summary>
internal static class GroupViews
{
    public static GroupView Of(
        ConsumerGroupStatus status,
        string state,
        IReadOnlyList<double> history,
        DeadLettersView deadLetters) => new()
    {
        Name = status.Group,
        State = state,
        Lag = status.Lag,
        Version = status.Flow.Version,
        IsPaused = status.Flow.Paused.Contains(ConsumerScope.Everything),
        Breakers = [.. status.Flow.Breakers.Select(breaker => $"{breaker}")],
        Stopped = [.. status.Flow.Stopped.Select(stop => $"{stop.Queue}: {stop}")],
        Figures = FiguresView.Of(status.Figures),
        DeadLetters = deadLetters,
        History = history,
        Silos = [.. status.Silos.OrderBy(silo => silo.Silo, StringComparer.Ordinal).Select(silo => new SiloView(
            silo.Silo,
            silo.ClientId,
            silo.AssignedQueues,
            silo.IsDrained,
            silo.Uptime.TotalMilliseconds,
            silo.Rebalances,
            Math.Round(silo.Figures.MessagesPerSecond, 2)))],
        Topics = [.. Topics(status)],
        Queues = [.. status.Queues.Select(queue => Of(queue, status.Flow))],
    };

    private static IEnumerable<TopicView> Topics(ConsumerGroupStatus status)
    {
        var queues = status.Queues.ToLookup(queue => queue.Queue.Topic, StringComparer.Ordinal);

        // One that has no queue, as a topic that no broker has, is consumed all the same as soon as it has, and can be given up.
        return queues.Select(topic => topic.Key).Union(status.SubscribedTopics, StringComparer.Ordinal).Order(StringComparer.Ordinal)
            .Select(topic => new TopicView(
                topic,
                queues[topic].Count(),
                queues.Contains(topic) ? LagOf(queues[topic]) : null,
                status.Flow.Paused.Contains(ConsumerScope.OfTopic(topic)),
                status.Flow.RateLimits.TryGetValue(topic, out var limit) ? limit : null,
                FiguresView.Of(status.Topics.GetValueOrDefault(topic, ConsumeFigures.None))));
    }

    // Of what runs in this cluster; unknown when that of one queue is.
    private static long? LagOf(IEnumerable<QueueStatus> queues)
    {
        var own = queues.Where(queue => queue.Silo.Length > 0 || queue.IsMoving).ToArray();
        return Array.Exists(own, queue => queue.Lag is null) ? null : own.Sum(queue => queue.Lag);
    }

    private static QueueView Of(QueueStatus queue, FlowSettings flow) => new()
    {
        Topic = queue.Queue.Topic,
        Broker = queue.Queue.BrokerName,
        Id = queue.Queue.QueueId,
        Silo = queue.Silo,
        Owner = queue.Owner,
        PinnedTo = queue.PinnedTo,
        IsPinIgnored = queue.IsPinIgnored,
        IsMoving = queue.IsMoving,
        IsPaused = queue.IsPaused || flow.IsPaused(queue.Queue),
        IsPausedItself = flow.Paused.Contains(ConsumerScope.OfQueue(queue.Queue)),
        HasFailed = queue.HasFailed,
        AwaitsLock = queue.Lock == QueueLockState.Awaited,
        IsPopped = queue.Popped is not null,
        IsPoppedInOrder = queue.Popped is { IsInOrder: true },
        Unacknowledged = queue.Popped?.Unacknowledged ?? 0,
        Lag = queue.Lag,
        Committed = queue.CommittedOffset,
        Watermark = queue.Watermark,
        MaxOffset = queue.MaxOffset,
        Cached = queue.CachedMessages,
        CachedBytes = queue.CachedBytes,
        InFlight = queue.InFlight,
        Blocked = (queue.Keys?.BlockedMessages ?? 0) + (queue.Orderly?.ParkedKeys.Sum(key => key.Messages) ?? 0),
        PerSecond = Math.Round(queue.Figures.MessagesPerSecond, 2),
        P99Ms = Math.Round(queue.Figures.P99Latency.TotalMilliseconds, 2),
        Failed = queue.Figures.Failed,
        LastError = queue.LastError,
        Slowest = queue.Slowest is { } slowest ? new(slowest.MessageId, slowest.Offset, Math.Round(slowest.Age.TotalMilliseconds)) : null,
    };
}

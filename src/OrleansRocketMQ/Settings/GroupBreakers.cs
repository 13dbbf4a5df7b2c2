using OrleansRocketMQ.Engine.Flow;

namespace OrleansRocketMQ.Management;

/// <summary>The circuit breakers of a group, in the one place that hears of all its silos. Used in the turns of its grain.</summary>
internal sealed class GroupBreakers
{
    // By topic; the group's own has no name.
    private readonly Dictionary<string, BreakerState> _breakers = new(StringComparer.Ordinal);

    /// <summary>Takes over those that a silo has opened by itself; what is open here already stays as it is.</summary>
    public void TakeOver(IReadOnlyList<BreakerStatus> decided)
    {
        foreach (var status in decided)
        {
            var name = status.Topic ?? string.Empty;
            if (_breakers.GetValueOrDefault(name, BreakerState.Closed).Phase == BreakerPhase.Closed)
            {
                _breakers[name] = Remembered(status);
            }
        }
    }

    /// <summary>Takes what a silo tells.</summary>
    /// <param name="outcomes">How messages fared.</param>
    /// <param name="settings">When breakers open.</param>
    /// <param name="known">Those that are not closed, as everybody knows them.</param>
    /// <param name="now">The time.</param>
    /// <returns>Those that are not closed from now on; null when nothing has changed.</returns>
    public IReadOnlyList<BreakerStatus>? Take(
        IReadOnlyList<TopicOutcomes> outcomes, BreakerSettings settings, IReadOnlyList<BreakerStatus> known, DateTimeOffset now)
    {
        var rules = settings.ToRules();
        foreach (var status in known)
        {
            // Of an earlier life of the grain, or what silos have remembered.
            _breakers.TryAdd(status.Topic ?? string.Empty, Remembered(status));
        }

        var counts = outcomes.GroupBy(topic => settings.IsByTopic ? topic.Topic : string.Empty, StringComparer.Ordinal).ToDictionary(
            group => group.Key,
            group => (Succeeded: group.Sum(topic => topic.Succeeded), Failed: group.Sum(topic => topic.Failed)),
            StringComparer.Ordinal);
        foreach (var name in _breakers.Keys.Union(counts.Keys, StringComparer.Ordinal).ToArray())
        {
            var (succeeded, failed) = counts.GetValueOrDefault(name);

            // One of a scope that was set before closes by itself: nobody counts for it any more.
            _breakers[name] = settings.IsByTopic == name.Length > 0
                ? _breakers.GetValueOrDefault(name, BreakerState.Closed).Next(rules, succeeded, failed, now)
                : BreakerState.Closed;
        }

        IReadOnlyList<BreakerStatus> open =
        [
            .. _breakers.Where(breaker => breaker.Value.Phase != BreakerPhase.Closed)
                .Select(breaker => StatusOf(breaker.Key, breaker.Value, settings))
                .OrderBy(status => status.Topic, StringComparer.Ordinal),
        ];
        return open.SequenceEqual(known) ? null : open;
    }

    private static BreakerState Remembered(BreakerStatus status) => BreakerState.Of(
        status.IsTrial ? BreakerPhase.Trial : BreakerPhase.Open,
        status.Since,
        status.Until,
        status.Openings,
        (status.Failed, status.Messages));

    // To the millisecond, as it is stored.
    private static BreakerStatus StatusOf(string name, BreakerState breaker, BreakerSettings settings) => new StoredBreaker
    {
        Topic = name.Length > 0 ? name : null,
        IsTrial = breaker.Phase == BreakerPhase.Trial,
        Since = breaker.Since.ToUnixTimeMilliseconds(),
        Until = breaker.Until.ToUnixTimeMilliseconds(),
        Openings = breaker.Openings,
        Failed = breaker.Cause.Failed,
        Messages = breaker.Cause.All,
        TrialRate = settings.TrialMessages,
    }.ToStatus();
}

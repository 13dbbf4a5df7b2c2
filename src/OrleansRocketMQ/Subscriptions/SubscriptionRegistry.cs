using System.Collections.Immutable;

namespace OrleansRocketMQ.Subscriptions;

/// <summary>
/// The subscriptions of a group: what silos declare, and what was decided at run time, which counts more. Works out what
/// a wish changes. Reading is thread-safe; whoever changes it sees to it that nobody else does at the same time.
/// </summary>
internal sealed class SubscriptionRegistry
{
    /// <summary>
    /// How many removed ones are remembered besides those that are declared. A silo that was cut off, for however long,
    /// still knows them as active, and must not bring them back.
    /// </summary>
    public const int MostRemoved = 1000;

    private readonly Dictionary<string, SubscriptionInfo> _declared = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SubscriptionDecision> _decisions = new(StringComparer.Ordinal);
    private volatile ImmutableSortedDictionary<string, SubscriptionInfo> _current
        = ImmutableSortedDictionary.Create<string, SubscriptionInfo>(StringComparer.Ordinal);
    private long _highest;

    /// <summary>What holds now, by topic.</summary>
    public ImmutableSortedDictionary<string, SubscriptionInfo> Current => _current;

    /// <summary>What was decided at run time.</summary>
    public ImmutableArray<SubscriptionDecision> Decisions => [.. _decisions.Values];

    /// <summary>Takes note of what a silo declares; of two silos that differ the later counts.</summary>
    public void Declare(IEnumerable<SubscriptionInfo> declared)
    {
        foreach (var subscription in declared)
        {
            if (!_declared.TryGetValue(subscription.Topic, out var known) || known.Version < subscription.Version)
            {
                _declared[subscription.Topic] = subscription;
                _highest = Math.Max(_highest, subscription.Version);
                Refresh(subscription.Topic);
            }
        }
    }

    /// <summary>Takes note of decisions made elsewhere.</summary>
    /// <returns>Whether anything that holds has changed.</returns>
    public bool Merge(IEnumerable<SubscriptionDecision> decisions)
    {
        var before = _current;
        foreach (var decision in decisions)
        {
            if (!_decisions.TryGetValue(decision.Topic, out var known) || known.Version < decision.Version)
            {
                _decisions[decision.Topic] = decision;
                _highest = Math.Max(_highest, decision.Version);
                Refresh(decision.Topic);
            }
        }

        ForgetOldest();

        return !ReferenceEquals(before, _current);
    }

    /// <summary>Works out what a wish changes, or why it cannot be. Changes nothing yet.</summary>
    public SubscriptionOutcome Plan(SubscriptionChange change, DateTimeOffset now)
    {
        var version = Math.Max(now.ToUnixTimeMilliseconds(), _highest + 1);
        var decisions = ImmutableArray.CreateBuilder<SubscriptionDecision>();
        if (change.Kind is SubscriptionChangeKind.Clear or SubscriptionChangeKind.Replace)
        {
            var kept = change.Items.Select(item => item.Topic).ToHashSet(StringComparer.Ordinal);
            decisions.AddRange(_current.Values
                .Where(known => !kept.Contains(known.Topic))
                .Select(known => Decision(known, SubscriptionState.Removed)));
        }

        var count = _current.Count - decisions.Count;
        foreach (var item in change.Items)
        {
            var known = _current.GetValueOrDefault(item.Topic);
            if (Refuse(change.Kind, known, item) is { } refusal)
            {
                return new([], refusal);
            }

            if (known is null && ++count > change.Most)
            {
                return new([], new(RocketMQErrorCode.SubscriptionLimitExceeded, item.Topic, string.Empty, string.Empty));
            }

            var wanted = Wanted(change.Kind, known, item);
            if (known is null
                || change.Kind == SubscriptionChangeKind.Unsubscribe
                || wanted.Selector != known.Selector
                || wanted.IsActive != known.IsActive)
            {
                decisions.Add(Decision(wanted, StateOf(change.Kind, wanted)));
            }
        }

        return new(decisions.ToImmutable());

        SubscriptionDecision Decision(SubscriptionInfo subscription, SubscriptionState state)
            => new(subscription.Topic, subscription.Selector, state, version);
    }

    private static SubscriptionRefusal? Refuse(SubscriptionChangeKind kind, SubscriptionInfo? known, SubscriptionInfo item) => kind switch
    {
        SubscriptionChangeKind.Subscribe when known is not null && known.Selector != item.Selector
            => new(RocketMQErrorCode.SubscriptionConflict, item.Topic, known.Selector.ToString(), item.Selector.ToString()),
        SubscriptionChangeKind.Unsubscribe or SubscriptionChangeKind.UpdateSelector
            or SubscriptionChangeKind.Activate or SubscriptionChangeKind.Deactivate when known is null
            => new(RocketMQErrorCode.NotSubscribed, item.Topic, string.Empty, string.Empty),
        _ => null,
    };

    private static SubscriptionInfo Wanted(SubscriptionChangeKind kind, SubscriptionInfo? known, SubscriptionInfo item) => kind switch
    {
        SubscriptionChangeKind.UpdateSelector => known! with { Selector = item.Selector },
        SubscriptionChangeKind.Activate => known! with { IsActive = true },
        SubscriptionChangeKind.Deactivate => known! with { IsActive = false },
        SubscriptionChangeKind.Unsubscribe => known!,
        _ => item,
    };

    private static SubscriptionState StateOf(
        SubscriptionChangeKind kind,
        SubscriptionInfo wanted) => kind == SubscriptionChangeKind.Unsubscribe
        ? SubscriptionState.Removed
        : wanted.IsActive ? SubscriptionState.Active : SubscriptionState.Inactive;

    // What is declared would come back; that it was removed is never forgotten.
    private void ForgetOldest()
    {
        var removed = _decisions.Values
            .Where(decision => decision.State == SubscriptionState.Removed && !_declared.ContainsKey(decision.Topic))
            .ToArray();
        if (removed.Length <= MostRemoved)
        {
            return;
        }

        var oldestLast = removed
            .OrderByDescending(decision => decision.Version)
            .ThenBy(decision => decision.Topic, StringComparer.Ordinal);
        foreach (var decision in oldestLast.Skip(MostRemoved))
        {
            _decisions.Remove(decision.Topic);
        }
    }

    private void Refresh(string topic)
    {
        var holds = _decisions.TryGetValue(topic, out var decision)
            ? new SubscriptionInfo
            {
                Topic = topic,
                Selector = decision.Selector,
                IsActive = decision.State == SubscriptionState.Active,
                Version = decision.Version,
            }
            : _declared[topic];
        _current = decision?.State == SubscriptionState.Removed ? _current.Remove(topic) : _current.SetItem(topic, holds);
    }
}

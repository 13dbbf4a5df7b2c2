namespace OrleansRocketMQ.Allocation.Agreement;

/// <summary>
/// Decides by which rule the silos of a group share out its queues. The one in force stays until all have another one in
/// common. Keeps nothing: what was lost with the silo it was on is learned back from what silos go by.
/// </summary>
internal sealed class AgreementBook(TimeProvider time)
{
    /// <summary>How often silos make themselves known.</summary>
    public static readonly TimeSpan JoinInterval = TimeSpan.FromSeconds(5);

    /// <summary>How often while they differ: all change at nearly the same time.</summary>
    public static readonly TimeSpan DifferingInterval = TimeSpan.FromSeconds(1);

    // A silo that was missed three times has gone.
    private static readonly TimeSpan Expiry = 4 * JoinInterval;

    // Each silo joins every few seconds: what all of them are gone through for is done once for all who join meanwhile.
    private static readonly TimeSpan ExpiryInterval = TimeSpan.FromSeconds(1);

    private readonly long _began = time.GetTimestamp();
    private readonly Dictionary<string, (string Rule, long SeenAt)> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<string, AllocationRule> _rules = new(StringComparer.Ordinal)
    {
        [AllocationRule.Fallback.Fingerprint] = AllocationRule.Fallback,
    };
    private RuleInForce? _inForce;
    private long _expiredAt = time.GetTimestamp();

    // Null when something has changed since it was told.
    private string? _difference;

    /// <summary>The rule in force; null before the first silo has come.</summary>
    public AllocationRule? Rule => _inForce is null ? null : _rules[_inForce.Fingerprint];

    /// <param name="member">Who joins.</param>
    /// <param name="active">Tells all silos of the cluster that are active, of the group or not; asked when it matters.</param>
    public AllocationAgreement Join(AllocationMember member, Func<IEnumerable<string>> active)
    {
        foreach (var rule in member.Rules)
        {
            _rules[rule.Fingerprint] = rule;
            _difference = null;
        }

        var learns = member.Following is { } following && following.Beats(_inForce);
        if (!_rules.ContainsKey(member.Own) || (learns && !_rules.ContainsKey(member.Following!.Fingerprint)))
        {
            return new AllocationAgreement();
        }

        if (_members.GetValueOrDefault(member.Silo).Rule != member.Own)
        {
            _difference = null;
        }

        _members[member.Silo] = (member.Own, time.GetTimestamp());
        if (learns)
        {
            Follow(member.Following!);
        }

        Expire();
        Decide(member, active);
        return new AllocationAgreement
        {
            InForce = _inForce,
            Rule = _inForce!.Fingerprint == member.Own || _inForce.Fingerprint == member.Following?.Fingerprint ? null : Rule,
            Difference = _difference ??= Difference(),
        };
    }

    public void Leave(string silo)
    {
        _members.Remove(silo);
        _difference = null;
    }

    private void Expire()
    {
        if (time.GetElapsedTime(_expiredAt) < ExpiryInterval)
        {
            return;
        }

        _expiredAt = time.GetTimestamp();
        foreach (var (silo, entry) in _members)
        {
            if (time.GetElapsedTime(entry.SeenAt) > Expiry)
            {
                Leave(silo);
            }
        }
    }

    private void Decide(AllocationMember member, Func<IEnumerable<string>> active)
    {
        if (_inForce is null)
        {
            Follow(new(member.Own, 0, time.GetUtcNow().UtcTicks));
        }

        if (_inForce!.Fingerprint != member.Own && _members.Values.All(other => other.Rule == member.Own) && AreAllKnown(active))
        {
            Change(member.Own);
        }
        else if (member.Unable == _inForce.Fingerprint && _inForce.Fingerprint != AllocationRule.Fallback.Fingerprint)
        {
            // Shared out in a way some do not like, every queue is with one silo. Else some would be with none.
            Change(AllocationRule.Fallback.Fingerprint);
        }
    }

    private void Change(string rule) => Follow(new(rule, _inForce!.Version + 1, time.GetUtcNow().UtcTicks));

    private void Follow(RuleInForce rule) => (_inForce, _difference) = (rule, null);

    // Not every silo runs every group; those that do make themselves known before long.
    private bool AreAllKnown(Func<IEnumerable<string>> active)
        => time.GetElapsedTime(_began) > Expiry || active().All(_members.ContainsKey);

    private void Forget()
    {
        var used = _members.Values
            .Select(entry => entry.Rule)
            .Append(_inForce!.Fingerprint)
            .Append(AllocationRule.Fallback.Fingerprint)
            .ToHashSet(StringComparer.Ordinal);
        foreach (var rule in _rules.Keys.Where(rule => !used.Contains(rule)).ToArray())
        {
            _rules.Remove(rule);
        }
    }

    private string Difference()
    {
        Forget();
        var byRule = _members.GroupBy(member => member.Value.Rule, member => member.Key, StringComparer.Ordinal).ToArray();
        if (byRule.Length <= 1)
        {
            return string.Empty;
        }

        var sides = byRule
            .Select(side => $"{_rules[side.Key]} on {string.Join(", ", side.Order(StringComparer.Ordinal))}")
            .Order(StringComparer.Ordinal);
        return $"silos are set to share out its queues in different ways: {string.Join("; ", sides)}; "
            + $"{Rule} is in force until all are set alike";
    }
}

using OrleansRocketMQ.Allocation.Agreement;

namespace OrleansRocketMQ.Tests.Allocation;

/// <summary>Which rule the silos of a group share out its queues by while they are set to different ones.</summary>
public sealed class AgreementBookTests
{
    private static readonly AllocationRule Average = AllocationRule.Fallback;
    private static readonly AllocationRule Hash = new() { Strategy = "HASH" };
    private static readonly AllocationRule Own = new() { Strategy = "OWN", StrategyClass = "Mine" };

    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void A_single_silo_goes_by_its_own_rule()
    {
        var agreement = Join(new AgreementBook(_time), "a", Hash, active: ["a"]);

        Assert.Equal(Hash.Fingerprint, agreement.InForce!.Fingerprint);
        Assert.Empty(agreement.Difference);
    }

    [Fact]
    public void A_silo_of_another_rule_gets_the_one_in_force_and_all_are_told_of_the_difference()
    {
        var book = new AgreementBook(_time);
        var first = Join(book, "a", Average, ["a"]);

        var second = Join(book, "b", Hash, ["a", "b"]);

        Assert.Equal(first.InForce, second.InForce);
        Assert.Equal(Average.Fingerprint, second.Rule!.Fingerprint);
        Assert.Equal("silos are set to share out its queues in different ways: AVG on a; HASH on b; AVG is in force until all are set alike", second.Difference);
        Assert.Equal(second.Difference, Join(book, "a", Average, ["a", "b"], first.InForce).Difference);
    }

    [Fact]
    public void The_new_rule_comes_into_force_when_the_last_silo_has_it()
    {
        var book = new AgreementBook(_time);
        var old = Join(book, "a", Average, ["a"]).InForce;
        Join(book, "b", Hash, ["a", "b"]);
        book.Leave("a");
        Assert.Equal(old, Join(book, "b", Hash, ["a", "b"], old).InForce);

        // The silo that comes again has it.
        var changed = Join(book, "a2", Hash, ["a2", "b"], following: null);

        Assert.Equal((Hash.Fingerprint, 1), (changed.InForce!.Fingerprint, changed.InForce.Version));
        Assert.Equal(changed.InForce, Join(book, "b", Hash, ["a2", "b"], old).InForce);
        Assert.Empty(changed.Difference);
    }

    [Fact]
    public void A_silo_that_is_gone_does_not_hold_up_the_new_rule()
    {
        var book = new AgreementBook(_time);
        var old = Join(book, "a", Average, ["a"]).InForce;
        Join(book, "b", Hash, ["a", "b"], old);

        _time.Advance(TimeSpan.FromSeconds(21));

        Assert.Equal(Hash.Fingerprint, Join(book, "b", Hash, ["b"], old).InForce!.Fingerprint);
    }

    [Fact]
    public void What_was_lost_with_the_silo_it_was_kept_on_is_learned_back_from_those_who_go_by_it()
    {
        var before = new AgreementBook(_time);
        var old = Join(before, "a", Average, ["a"]).InForce;
        _time.Advance(TimeSpan.FromSeconds(7));

        // The first that comes to the new place has just started, and knows of nothing.
        var book = new AgreementBook(_time);
        var early = Join(book, "b", Hash, ["a", "b"]);
        Join(book, "a", Average, ["a", "b"], old);

        var later = Join(book, "b", Hash, ["a", "b"], early.InForce);
        Assert.Equal(old, later.InForce);
        Assert.Equal(Average.Fingerprint, later.Rule!.Fingerprint);
    }

    [Fact]
    public void A_rule_that_a_silo_cannot_go_by_makes_all_go_by_one_that_every_silo_knows()
    {
        var book = new AgreementBook(_time);
        var old = Join(book, "a", Own, ["a"]).InForce;
        Join(book, "b", Hash, ["a", "b"]);

        var told = book.Join(new AllocationMember { Silo = "b", Own = Hash.Fingerprint, Unable = Own.Fingerprint }, () => ["a", "b"]);

        Assert.Equal(Average.Fingerprint, told.InForce!.Fingerprint);
        Assert.Equal(Average.Fingerprint, told.Rule!.Fingerprint);
        Assert.Equal(told.InForce, Join(book, "a", Own, ["a", "b"], old).InForce);
        Assert.EndsWith("AVG is in force until all are set alike", told.Difference, StringComparison.Ordinal);
    }

    [Fact]
    public void A_silo_that_makes_itself_known_again_costs_no_more_among_a_thousand()
    {
        Assert.InRange(BytesOfAJoinAmong(1000), 1, 2 * BytesOfAJoinAmong(10));
    }

    [Fact]
    public void Rules_that_say_the_same_are_equal_and_other_settings_make_another_rule()
    {
        AllocationRule Lists(string member) => new()
        {
            Strategy = "CONFIGURATION",
            QueuesByMember = new Dictionary<string, IReadOnlyList<MessageQueue>> { [member] = [new("t", "b", 1), new("t", "b", 0)], ["z"] = [] },
        };
        AllocationRule Swapped() => Lists("m") with
        {
            QueuesByMember = new Dictionary<string, IReadOnlyList<MessageQueue>> { ["z"] = [], ["m"] = [new("t", "b", 0), new("t", "b", 1)] },
        };

        Assert.Equal(Lists("m").Fingerprint, Swapped().Fingerprint);
        Assert.NotEqual(Lists("m").Fingerprint, Lists("n").Fingerprint);
        Assert.NotEqual(Average.Fingerprint, Hash.Fingerprint);
        Assert.Matches("^CONFIGURATION \\(settings [0-9a-f]{8}\\)$", $"{Lists("m")}");
    }

    private long BytesOfAJoinAmong(int silos)
    {
        var book = new AgreementBook(_time);
        var all = Enumerable.Range(0, silos).Select(number => $"silo-{number}").ToArray();
        var inForce = Join(book, all[0], Average, all).InForce;
        foreach (var silo in all)
        {
            Join(book, silo, Average, all, inForce);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        Join(book, all[^1], Average, all, inForce);
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    // As a silo does: tells its rules when it is asked for them.
    private static AllocationAgreement Join(AgreementBook book, string silo, AllocationRule own, string[] active, RuleInForce? following = null)
    {
        var member = new AllocationMember { Silo = silo, Own = own.Fingerprint, Following = following };
        var agreement = book.Join(member, () => active);
        return agreement.InForce is not null
            ? agreement
            : book.Join(member with { Rules = new[] { Average, Hash, Own }.Where(rule => rule.Fingerprint == own.Fingerprint || rule.Fingerprint == following?.Fingerprint).ToArray() }, () => active);
    }
}

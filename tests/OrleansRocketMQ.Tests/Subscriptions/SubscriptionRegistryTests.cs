using System.Collections.Immutable;
using FsCheck;
using FsCheck.Fluent;
using OrleansRocketMQ.Subscriptions;

namespace OrleansRocketMQ.Tests.Subscriptions;

public sealed class SubscriptionRegistryTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeMilliseconds(1_000_000_000);
    private readonly SubscriptionRegistry _book = new();

    /// <summary>Silos hear of decisions in any order, some of them twice.</summary>
    [Fact]
    public void Decisions_add_up_to_the_same_in_whatever_order_they_come()
        => Check.QuickThrowOnFailure(Prop.ForAll(
            Gen.Zip(Gen.Choose(0, 5), Gen.Choose(0, 2)).ListOf().ToArbitrary(),
            Gen.Choose(0, int.MaxValue - 1).ToArbitrary(),
            (wishes, seed) =>
            {
                var decisions = wishes.Select((wish, index) => new SubscriptionDecision(
                    $"t{wish.Item1}", MessageSelector.ByTag($"v{index}"), (SubscriptionState)wish.Item2, Now.ToUnixTimeMilliseconds() + index)).ToArray();
                var random = new Random(seed);
                var (inOrder, shuffled) = (new SubscriptionRegistry(), new SubscriptionRegistry());
                inOrder.Merge(decisions);
                foreach (var decision in decisions.Concat(decisions).OrderBy(_ => random.Next()))
                {
                    shuffled.Merge([decision]);
                }

                Assert.Equal(inOrder.Current, shuffled.Current);
            }));

    [Fact]
    public void A_decision_overrides_what_is_declared_even_by_a_silo_whose_clock_is_ahead()
    {
        _book.Declare([Info("t", "declared") with { Version = Now.AddSeconds(30).ToUnixTimeMilliseconds() }]);
        Apply(SubscriptionChangeKind.UpdateSelector, Info("t", "decided"));
        var version = _book.Current["t"].Version;
        _book.Declare([Info("t", "declared again") with { Version = Now.AddSeconds(60).ToUnixTimeMilliseconds() }]);

        Assert.Equal("decided", _book.Current["t"].Selector.Expression);
        Assert.True(version > Now.AddSeconds(30).ToUnixTimeMilliseconds());
    }

    [Fact]
    public void What_was_given_up_stays_so_though_a_silo_that_was_cut_off_for_long_still_knows_it_as_active()
    {
        Apply(SubscriptionChangeKind.Subscribe, Info("t", "*"));
        var cutOff = new SubscriptionRegistry();
        cutOff.Merge(_book.Decisions);
        Apply(SubscriptionChangeKind.Unsubscribe, Info("t", "*"));

        var later = new SubscriptionRegistry();
        later.Merge(_book.Decisions);
        later.Merge(cutOff.Decisions);

        Assert.Empty(later.Current);
    }

    [Fact]
    public void Of_topics_that_were_given_up_the_newest_are_remembered_and_all_that_are_declared()
    {
        _book.Declare([Info("declared", "*") with { Version = 1 }]);
        Apply(SubscriptionChangeKind.Clear);
        var given = Enumerable.Range(0, SubscriptionRegistry.MostRemoved + 5)
            .Select(number => new SubscriptionDecision($"t{number}", MessageSelector.All, SubscriptionState.Removed, Now.ToUnixTimeMilliseconds() + 10 + number));

        _book.Merge(given);

        var topics = _book.Decisions.Select(decision => decision.Topic).ToHashSet();
        Assert.Equal(SubscriptionRegistry.MostRemoved + 1, topics.Count);
        Assert.Contains("declared", topics);
        Assert.DoesNotContain("t4", topics);
        Assert.Contains("t5", topics);
        Assert.Empty(_book.Current);
    }

    [Fact]
    public void A_second_subscription_is_a_conflict_only_with_another_selector()
    {
        Apply(SubscriptionChangeKind.Subscribe, Info("t", "a || b"));

        Assert.Empty(Plan(SubscriptionChangeKind.Subscribe, Info("t", "a||b")).Decisions);
        Assert.Equal(
            new SubscriptionRefusal(RocketMQErrorCode.SubscriptionConflict, "t", "TAG: a || b", "TAG: a"),
            Plan(SubscriptionChangeKind.Subscribe, Info("t", "a")).Refusal);
    }

    [Theory]
    [InlineData(SubscriptionChangeKind.Unsubscribe)]
    [InlineData(SubscriptionChangeKind.UpdateSelector)]
    [InlineData(SubscriptionChangeKind.Activate)]
    [InlineData(SubscriptionChangeKind.Deactivate)]
    internal void What_is_not_subscribed_to_cannot_be_changed(SubscriptionChangeKind kind)
        => Assert.Equal(RocketMQErrorCode.NotSubscribed, Plan(kind, Info("t", "a")).Refusal?.Code);

    [Fact]
    public void A_change_of_many_is_made_as_a_whole_or_not_at_all()
    {
        Apply(SubscriptionChangeKind.Subscribe, Info("kept", "*"));

        Assert.Equal("3", Plan(SubscriptionChangeKind.Import, most: 3, Info("1", "*"), Info("2", "*"), Info("3", "*")).Refusal?.Topic);
        Assert.Single(_book.Current);
        _book.Merge(Plan(SubscriptionChangeKind.Replace, most: 3, Info("1", "*"), Info("2", "*"), Info("3", "*")).Decisions);
        Assert.Equal(["1", "2", "3"], _book.Current.Keys);
    }

    [Fact]
    public void What_is_inactive_stays_listed_and_keeps_its_state_with_a_new_selector()
    {
        Apply(SubscriptionChangeKind.Subscribe, Info("t", "a"));
        Apply(SubscriptionChangeKind.Deactivate, Info("t", "*"));
        Apply(SubscriptionChangeKind.UpdateSelector, Info("t", "b"));
        Assert.Equal((false, "b"), (_book.Current["t"].IsActive, _book.Current["t"].Selector.Expression));

        Apply(SubscriptionChangeKind.Activate, Info("t", "*"));
        Assert.Equal((true, "b"), (_book.Current["t"].IsActive, _book.Current["t"].Selector.Expression));
    }

    private static SubscriptionInfo Info(string topic, string tags) => new() { Topic = topic, Selector = MessageSelector.ByTag(tags) };

    private SubscriptionOutcome Plan(SubscriptionChangeKind kind, params SubscriptionInfo[] items) => Plan(kind, 100, items);

    private SubscriptionOutcome Plan(SubscriptionChangeKind kind, int most, params SubscriptionInfo[] items)
        => _book.Plan(new SubscriptionChange(kind, [.. items], most), Now);

    private void Apply(SubscriptionChangeKind kind, params SubscriptionInfo[] items)
    {
        var outcome = Plan(kind, items);
        Assert.Null(outcome.Refusal);
        Assert.True(_book.Merge(outcome.Decisions));
    }
}

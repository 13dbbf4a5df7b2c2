using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Flow;

namespace OrleansRocketMQ.Engine.Tests.Flow;

/// <summary>What queues hold is charged where it counts, and given back to the last.</summary>
public sealed class QuotaTests
{
    private readonly SharedQuota _silo = new(1000);

    [Fact]
    public void Queues_of_a_topic_share_its_quota_those_of_a_group_the_groups_and_all_the_silos()
    {
        var options = new ConsumerOptions
        {
            Group = "g", PullThresholdForAll = 70, PullThresholdForTopic = 50, PullThresholdBytesForTopic = 5000,
        };
        var (group, other) = (new GroupQuotas(options, _silo), new GroupQuotas(options, _silo));
        var orders = group.Of("orders");

        Assert.Equal((70L, 50L, 5000L, 1000L), (orders.Group.Limit, orders.Topic.Limit, orders.TopicBytes.Limit, orders.SiloBytes.Limit));
        Assert.Equal(orders, group.Of("orders"));
        Assert.Same(_silo, group.SiloBytes);
        var parcels = group.Of("parcels");
        Assert.Same(orders.Group, parcels.Group);
        Assert.NotSame(orders.Topic, parcels.Topic);
        Assert.NotSame(orders.TopicBytes, parcels.TopicBytes);
        Assert.NotSame(orders.Group, other.Of("orders").Group);
        Assert.Same(_silo, other.Of("orders").SiloBytes);
    }

    [Fact]
    public void What_a_queue_gives_back_lets_another_one_pull_and_what_is_not_given_back_does_not()
    {
        var budgets = new QueueQuotas(new(10), new(10), new(100), new(1000));
        var holdings = new QueueQuotaUsage(budgets);
        holdings.Add(10, 100, 1000);
        var called = new List<string>();
        var waiting = new (string Name, SharedQuota Budget)[]
        {
            ("group", budgets.Group), ("topic", budgets.Topic), ("bytes", budgets.TopicBytes), ("silo", budgets.SiloBytes),
        };
        foreach (var (name, budget) in waiting)
        {
            Assert.False(budget.TryAcquire(new QuotaWaiter(budget, 1, () => called.Add(name))));
        }

        // The pull's bytes stay until its last message is done.
        holdings.Remove(1, 10, 0);
        Assert.Equal(["group", "topic", "bytes"], called);
        holdings.Remove(9, 90, 1000);
        Assert.Equal(["group", "topic", "bytes", "silo"], called);
        Assert.All(waiting, quota => Assert.Equal(0, quota.Budget.Used));
    }

    [Fact]
    public void A_queue_that_ends_gives_everything_back_at_once_and_what_ends_later_counts_no_more()
    {
        var budgets = new QueueQuotas(new(10), new(10), new(100), new(1000));
        var (holdings, other) = (new QueueQuotaUsage(budgets), new QueueQuotaUsage(budgets));
        holdings.Add(4, 40, 400);
        holdings.Add(1, 10, 100);
        other.Add(2, 20, 200);

        holdings.Close();
        holdings.Close();
        holdings.Remove(1, 10, 100);
        holdings.Add(3, 30, 300);

        Assert.Equal(
            (2L, 2L, 20L, 200L), (budgets.Group.Used, budgets.Topic.Used, budgets.TopicBytes.Used, budgets.SiloBytes.Used));
    }

    [Fact]
    public void As_many_of_those_who_wait_are_called_as_there_is_room_for_and_at_least_one()
    {
        var budget = new SharedQuota(100);
        budget.Add(100);
        var called = new List<int>();
        var tickets = Enumerable.Range(0, 5).Select(number => new QuotaWaiter(budget, 10, () => called.Add(number))).ToArray();
        Assert.All(tickets, ticket => Assert.False(budget.TryAcquire(ticket)));
        Assert.Equal(5, budget.Waiting);

        budget.Remove(1);
        Assert.Equal([0], called);
        budget.Remove(20);
        Assert.Equal([0, 1, 2], called);
        budget.Remove(11);
        Assert.Equal([0, 1, 2, 3, 4], called);
        Assert.Equal(0, budget.Waiting);
        Assert.All(tickets, ticket => Assert.True(budget.TryAcquire(ticket)));
    }

    [Fact]
    public void Nobody_is_called_while_more_is_held_than_the_limit()
    {
        var budget = new SharedQuota(100);
        budget.Add(130);
        var calls = 0;
        var ticket = new QuotaWaiter(budget, 10, () => calls++);
        Assert.False(budget.TryAcquire(ticket));

        budget.Remove(30);
        Assert.Equal(0, calls);
        budget.Remove(1);
        Assert.Equal((1, true), (calls, ticket.Called));
    }

    [Fact]
    public void Room_that_came_while_a_queue_got_in_line_is_seen_by_the_queue_itself()
    {
        var budget = new SharedQuota(10);
        budget.Add(10);
        var (first, second) = (new QuotaWaiter(budget, 10, () => { }), new QuotaWaiter(budget, 10, () => { }));
        Assert.False(budget.TryAcquire(first));

        // Given back by somebody who did not see that anybody waits.
        budget.Add(-10);
        Assert.False(budget.TryAcquire(second));
        Assert.True(budget.TryAcquire(first));
        Assert.Same(budget, first.Budget);
        Assert.Equal(10, first.Ask);
    }

    [Fact]
    public void A_turn_that_was_used_is_not_handed_on_and_one_that_was_not_is()
    {
        var budget = new SharedQuota(10);
        budget.Add(10);
        var calls = new int[3];
        var tickets = Enumerable.Range(0, 3).Select(number => new QuotaWaiter(budget, 10, () => calls[number]++)).ToArray();
        Assert.All(tickets, ticket => Assert.False(budget.TryAcquire(ticket)));
        budget.Remove(10);
        Assert.Equal([1, 0, 0], calls);

        budget.Return(tickets[0], used: true);
        Assert.Equal([1, 0, 0], calls);
        Assert.False(tickets[0].Called);

        // Whoever leaves the line without having been called hands nothing on.
        budget.Return(tickets[1], used: false);
        Assert.Equal([1, 0, 0], calls);
        Assert.Equal(1, budget.Waiting);
        budget.Return(tickets[1], used: false);
        Assert.Equal(1, budget.Waiting);
    }

    [Fact]
    public void Whoever_gives_his_turn_back_unused_has_the_next_one_called()
    {
        var budget = new SharedQuota(10);
        budget.Add(10);
        var calls = new int[2];
        var tickets = Enumerable.Range(0, 2).Select(number => new QuotaWaiter(budget, 10, () => calls[number]++)).ToArray();
        Assert.All(tickets, ticket => Assert.False(budget.TryAcquire(ticket)));
        budget.Remove(10);

        budget.Return(tickets[0], used: false);

        Assert.Equal([1, 1], calls);
        Assert.Equal(0, budget.Waiting);
    }
}

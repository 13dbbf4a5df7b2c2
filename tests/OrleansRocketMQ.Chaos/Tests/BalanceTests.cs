using OrleansRocketMQ.Chaos.Checking;
using OrleansRocketMQ.Chaos.World;

namespace OrleansRocketMQ.Chaos.Tests;

/// <summary>Balanced is: all silos run the group, all queues are there, and none has more than one queue more than another.</summary>
public sealed class BalanceTests
{
    private static readonly string[] Three = ["x", "y", "z"];

    [Fact]
    public void An_even_share_is_balanced()
    {
        Assert.Null(Balance.Of(Three, 3, Queues("x", "x", "y", "y", "z", "z"), all: 6, others: 0));
        Assert.Null(Balance.Of(Three, 3, Queues("x", "x", "x", "y", "y", "y", "z", "z"), all: 8, others: 0));
    }

    [Theory]
    [InlineData("x x x y y z")]
    [InlineData("x x x y y y")]
    [InlineData("x x y y z")]
    [InlineData("x x y y z ")]
    [InlineData("x x y y z w")]
    public void An_uneven_share_or_a_queue_that_nobody_has_is_not(string silos)
        => Assert.NotNull(Balance.Of(Three, 3, Queues(silos.Split(' ')), all: 6, others: 0));

    [Fact]
    public void A_silo_that_does_not_run_the_group_is_a_reason()
        => Assert.NotNull(Balance.Of(["x", "y"], 3, Queues("x", "x", "x", "y", "y", "y"), all: 6, others: 0));

    [Fact]
    public void A_queue_that_is_there_twice_is_a_reason()
    {
        var queues = Queues("x", "x", "y", "y", "z", "z");
        queues[1] = queues[0];

        Assert.NotNull(Balance.Of(Three, 3, queues, all: 6, others: 0));
    }

    [Fact]
    public void A_member_that_is_no_silo_has_its_share()
    {
        Assert.Null(Balance.Of(Three, 3, Queues("x", "x", "y", "y", "z", "z", "", ""), all: 8, others: 1));
        Assert.NotNull(Balance.Of(Three, 3, Queues("x", "x", "x", "y", "y", "y", "z", "z"), all: 8, others: 1));
        Assert.NotNull(Balance.Of(Three, 3, Queues("x", "x", "y", "y", "z", "", "", ""), all: 8, others: 1));
    }

    [Fact]
    public void What_an_operator_has_pinned_is_where_it_should_be()
    {
        var queues = Queues("x", "x", "x", "y", "y", "z");
        queues[0] = queues[0] with { IsPinned = true };

        Assert.Null(Balance.Of(Three, 3, queues, all: 6, others: 0));
    }

    private static ShownQueue[] Queues(params string[] silos)
        => [.. silos.Select((silo, id) => new ShownQueue(RoundTopics.ByKey, "broker-a", id, silo, IsPinned: false, HasFailed: false))];
}

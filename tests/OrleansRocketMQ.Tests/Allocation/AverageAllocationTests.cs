using FsCheck;
using FsCheck.Fluent;
using OrleansRocketMQ.Allocation;

namespace OrleansRocketMQ.Tests.Allocation;

public sealed class AverageAllocationTests
{
    private readonly AverageAllocation _strategy = new();

    /// <summary>Values computed with the formula of Java's AllocateMessageQueueAveragely.</summary>
    [Theory]
    [InlineData(8, 3, "0-2 3-5 6-7")]
    [InlineData(4, 4, "0-0 1-1 2-2 3-3")]
    [InlineData(2, 4, "0-0 1-1 - -")]
    [InlineData(7, 4, "0-1 2-3 4-5 6-6")]
    [InlineData(10, 1, "0-9")]
    [InlineData(0, 2, "- -")]
    public void Blocks_are_those_of_Java(int queueCount, int memberCount, string expected)
    {
        var queues = Queues(queueCount);
        var members = Members(memberCount);

        var blocks = members.Select(member => _strategy.Allocate("g", member, queues, members))
            .Select(own => own.Count == 0 ? "-" : $"{own[0].QueueId}-{own[^1].QueueId}");

        Assert.Equal(expected, string.Join(' ', blocks));
    }

    [Fact]
    public void Every_queue_has_one_owner_and_shares_differ_by_at_most_one()
        => Check.QuickThrowOnFailure(Prop.ForAll(
            Gen.Choose(0, 300).ToArbitrary(),
            Gen.Choose(1, 40).ToArbitrary(),
            (queueCount, memberCount) =>
            {
                var queues = Queues(queueCount);
                var members = Members(memberCount);
                var shares = members.Select(member => _strategy.Allocate("g", member, queues, members)).ToArray();

                Assert.Equal(queues, shares.SelectMany(share => share).Order());
                Assert.InRange(shares.Max(share => share.Count) - shares.Min(share => share.Count), 0, 1);
            }));

    [Fact]
    public void Somebody_who_is_not_a_member_gets_nothing()
        => Assert.Empty(_strategy.Allocate("g", "stranger", Queues(4), Members(2)));

    private static MessageQueue[] Queues(int count) => [.. Enumerable.Range(0, count).Select(id => new MessageQueue("T", "broker-a", id))];

    private static string[] Members(int count) => [.. Enumerable.Range(0, count).Select(id => $"10.0.0.{id:000}@1")];
}

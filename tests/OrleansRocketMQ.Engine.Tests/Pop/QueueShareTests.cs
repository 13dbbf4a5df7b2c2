using OrleansRocketMQ.Engine.Contracts;

namespace OrleansRocketMQ.Engine.Tests.Pop;

/// <summary>Queues that are popped are shared out several times where there are more members than queues.</summary>
public sealed class QueueShareTests
{
    private static readonly MessageQueue[] Queues = [.. Enumerable.Range(0, 4).Select(id => new MessageQueue("orders", "broker-a", id))];

    [Fact]
    public void A_share_leads_back_to_its_queue_and_has_a_name_of_its_own()
    {
        var queues = Queues.Append(new("orders", "broker-b", 65_535)).ToArray();
        var shares = queues.SelectMany(queue => Enumerable.Range(0, 300).Select(number => (queue, number, share: QueueShare.Of(queue, number)))).ToArray();

        Assert.Equal(shares.Length, shares.Select(share => share.share).Distinct().Count());
        Assert.All(shares, share =>
        {
            Assert.Equal(share.queue, QueueShare.QueueOf(share.share));
            Assert.Equal(share.number > 0, QueueShare.IsFurther(share.share));
        });
    }

    [Theory]
    [InlineData(1, 4)]
    [InlineData(4, 4)]
    [InlineData(5, 8)]
    [InlineData(8, 8)]
    [InlineData(16, 16)]
    public void There_are_as_many_shares_that_each_member_can_have_one(int members, int shares)
        => Assert.Equal(shares, QueueShare.Divide(Queues, members, static _ => true).Count);

    [Fact]
    public void What_is_pulled_or_not_known_is_not_shared()
    {
        Assert.Equal(Queues, QueueShare.Divide(Queues, 16, static _ => false));
        Assert.Equal(Queues, QueueShare.Divide(Queues, 16, static _ => null));
        Assert.Empty(QueueShare.Divide([], 16, static _ => true));
    }
}

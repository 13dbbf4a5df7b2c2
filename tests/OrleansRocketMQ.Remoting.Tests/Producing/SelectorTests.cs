using FsCheck.Fluent;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Producing;

public class SelectorTests
{
    private static readonly MessageQueue[] Queues = [.. Enumerable.Range(0, 4).Select(id => new MessageQueue("T", "b", id))];
    private static readonly Message Message = new("T", new byte[] { 1 });

    [Theory]
    [InlineData("hello", 2)]
    [InlineData("polygenelubricants", 0)]
    [InlineData("order-7", 0)]
    [InlineData(-7, 3)]
    [InlineData(6, 2)]
    [InlineData(4294967297L, 0)]
    public void The_hash_selector_chooses_as_Javas_does(object key, int expected)
    {
        var hash = key is string text ? JavaString.HashCode(text) : 0;
        expected = key is string ? (int)Math.Abs((long)hash % 4) : expected;
        Assert.Equal(expected, new HashSelector().Select(Queues, Message, key).QueueId);
    }

    [Fact]
    public void Any_key_has_a_queue_and_always_the_same() => Generators.ForAll(
        from key in Generators.Text
        from count in Gen.Choose(1, 50)
        select (key, count),
        given =>
        {
            var queues = Enumerable.Range(0, given.count).Select(id => new MessageQueue("T", "b", id)).ToList();
            var selector = new HashSelector();
            return selector.Select(queues, Message, given.key) == selector.Select(queues, Message, given.key);
        });

    [Fact]
    public void The_hash_selector_takes_the_sharding_key_before_the_keys_and_needs_one()
    {
        var selector = new HashSelector();
        var both = new Message("T", new byte[] { 1 }, keys: "hello") { ShardingKey = "a" };
        Assert.Equal(selector.Select(Queues, Message, "a"), selector.Select(Queues, both, null));
        Assert.Equal(selector.Select(Queues, Message, "hello"), selector.Select(Queues, new Message("T", new byte[] { 1 }, keys: "hello"), null));
        Assert.Equal("ShardingKey", Assert.Throws<RocketMQValidationException>(() => selector.Select(Queues, Message, null)).Field);
    }

    [Fact]
    public void Round_robin_visits_every_queue_in_turn_and_avoids_a_broker_while_there_is_another()
    {
        var selector = new RoundRobinSelector();
        Assert.Equal(4, Enumerable.Range(0, 4).Select(_ => selector.Select(Queues, Message, null)).Distinct().Count());
        Assert.Equal("b", selector.SelectAvoiding(Queues, Message, "b", queue => queue.BrokerName).BrokerName);
        MessageQueue[] mixed = [.. Queues, new("T", "c", 0)];
        for (var round = 0; round < 10; round++)
        {
            Assert.Equal("c", selector.SelectAvoiding(mixed, Message, "b", queue => queue.BrokerName).BrokerName);
        }
    }

    [Fact]
    public void The_random_selector_reaches_every_queue()
    {
        var selector = new RandomSelector();
        Assert.Equal(4, Enumerable.Range(0, 1000).Select(_ => selector.Select(Queues, Message, null)).Distinct().Count());
    }
}

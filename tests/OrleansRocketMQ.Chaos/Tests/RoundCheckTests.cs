using OrleansRocketMQ.Chaos.Checking;
using OrleansRocketMQ.Chaos.Plan;
using OrleansRocketMQ.Chaos.World;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.Chaos.Tests;

/// <summary>The checker finds what it is for.</summary>
public sealed class RoundCheckTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_message_that_nobody_consumed_is_lost()
        => Assert.Equal([$"{RoundTopics.ByKey} key-1 1"], Check(RoundTopics.ByKey, [$"0 10"], sent: 2).Lost);

    [Fact]
    public void One_that_came_before_an_earlier_one_of_its_key_is_out_of_order_where_order_is_promised()
    {
        Assert.NotEmpty(Check(RoundTopics.ByKey, ["0 10", "2 20", "1 30"], sent: 3).OutOfOrder);
        Assert.NotEmpty(Check(RoundTopics.ByQueue, ["1 5", "0 10"], sent: 2).OutOfOrder);
        Assert.Empty(Check(RoundTopics.Any, ["0 10", "2 20", "1 30"], sent: 3).OutOfOrder);
        Assert.Empty(Check(RoundTopics.ByKey, ["0 10", "1 20", "0 30", "1 40", "2 50"], sent: 3).OutOfOrder);
    }

    [Fact]
    public void One_that_came_again_is_counted_and_neither_lost_nor_out_of_order()
    {
        var check = Check(RoundTopics.ByKey, ["0 10", "1 20", "0 30"], sent: 2);

        Assert.Equal((2, 1), (check.Consumed, check.Again));
        Assert.Empty(check.Complaints());
    }

    [Fact]
    public void What_is_lost_or_out_of_order_is_a_complaint()
    {
        Assert.Single(Check(RoundTopics.ByKey, ["0 10"], sent: 2).Complaints());
        Assert.Single(Check(RoundTopics.ByKey, ["1 10", "0 20"], sent: 2).Complaints());
    }

    private RoundCheck Check(string topic, string[] lines, int sent)
    {
        var file = _folder.In("records-1");
        File.WriteAllLines(file, lines.Select(line => $"{topic} key-1 {line}"));
        return RoundCheck.Of([file], new Dictionary<(string, string), int> { [(topic, "key-1")] = sent });
    }
}

using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Filters;

/// <summary>What is left of a call when a filter has the listener called once more.</summary>
public sealed class ConsumeCallTests
{
    private static readonly MessageQueue Queue = new("T", "broker-a", 0);
    private static readonly MessageExt Message = TestMessages.At(7);

    [Fact]
    public void What_a_listener_has_said_before_it_is_called_again_counts_no_more()
    {
        var context = new ConsumeContext("g", Queue);
        var call = new ConsumeCall(new MessageBatch([Message]), context);
        call.Begin();
        context.Reject(Message, "bad");
        (context.AckIndex, context.DelayLevelWhenNextConsume, call.Result) = (-1, 5, ConsumeResult.ReconsumeLater);

        call.Begin();

        Assert.False(context.HasOutcomes);
        Assert.Equal((int.MaxValue, 0, (ConsumeResult?)null), (context.AckIndex, context.DelayLevelWhenNextConsume, call.Result));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void In_order_it_is_so_too_and_the_group_says_again_whether_is_committed(bool autoCommit)
    {
        var context = new ConsumeOrderlyContext("g", Queue) { AutoCommit = autoCommit };
        var call = new ConsumeCall(new MessageBatch([Message]), context);
        call.Begin();
        context.Reject(Message, "bad");
        (context.AutoCommit, context.SuspendCurrentQueueTime) = (!autoCommit, TimeSpan.FromSeconds(9));
        call.OrderlyResult = ConsumeOrderlyResult.Rollback;

        call.Begin();

        Assert.False(context.HasOutcomes);
        Assert.Equal(
            (autoCommit, (TimeSpan?)null, (ConsumeOrderlyResult?)null), (context.AutoCommit, context.SuspendCurrentQueueTime, call.OrderlyResult));
    }

    /// <summary>A filter may have a word before the first call: it is no word of the listener's.</summary>
    [Fact]
    public void What_filters_say_before_the_first_call_stays()
    {
        var context = new ConsumeContext("g", Queue);
        var call = new ConsumeCall(new MessageBatch([Message]), context);
        context.RetryAfter(Message, TimeSpan.FromMinutes(1));
        context.DelayLevelWhenNextConsume = 4;

        call.Begin();

        Assert.True(context.HasOutcomes);
        Assert.Equal(4, context.DelayLevelWhenNextConsume);
    }
}

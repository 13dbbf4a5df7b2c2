using OrleansRocketMQ.Engine.Dispatch;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

public sealed class AdaptiveBatchSizerTests
{
    [Fact]
    public void An_unknown_listener_gets_one_batch() => Assert.Equal(1, new AdaptiveBatchSizer().Batches);

    [Fact]
    public void A_fast_listener_gets_long_runs_and_a_slow_one_a_batch_at_a_time()
    {
        var length = new AdaptiveBatchSizer();
        Teach(length, TimeSpan.FromMicroseconds(1));
        Assert.Equal(64, length.Batches);

        Teach(length, TimeSpan.FromMilliseconds(10));
        Assert.Equal(1, length.Batches);

        Teach(length, TimeSpan.FromMicroseconds(100));
        Assert.InRange(length.Batches, 4, 6);
    }

    [Fact]
    public void What_is_known_changes_by_an_eighth_with_each_run()
    {
        var length = new AdaptiveBatchSizer();
        for (var run = 0; run < 5; run++)
        {
            length.Learn(TimeSpan.Zero, 1);
        }

        Assert.Equal(1, length.Batches);
        length.Learn(TimeSpan.Zero, 1);
        Assert.Equal(2, length.Batches);
        length.Learn(AdaptiveBatchSizer.Target * 8, 8);
        Assert.Equal(1, length.Batches);
    }

    [Fact]
    public void One_run_that_something_else_held_up_says_little_and_a_listener_that_became_slow_is_known_for_it_soon()
    {
        var length = new AdaptiveBatchSizer();
        Teach(length, TimeSpan.FromMicroseconds(1));

        length.Learn(TimeSpan.FromMilliseconds(200), 64);
        Assert.InRange(length.Batches, 40, 64);

        for (var run = 0; run < 24; run++)
        {
            length.Learn(TimeSpan.FromMilliseconds(10), 1);
        }

        Assert.Equal(1, length.Batches);
    }

    [Fact]
    public void A_listener_that_took_no_time_at_all_is_known_for_slow_as_soon_as_another_one()
    {
        var length = new AdaptiveBatchSizer();
        Teach(length, TimeSpan.Zero);
        Assert.Equal(64, length.Batches);

        for (var run = 0; run < 24; run++)
        {
            length.Learn(TimeSpan.FromMilliseconds(10), 1);
        }

        Assert.Equal(1, length.Batches);
    }

    [Fact]
    public void A_run_is_cut_off_long_after_it_should_have_ended()
        => Assert.True(AdaptiveBatchSizer.Limit > AdaptiveBatchSizer.Target * 4 && AdaptiveBatchSizer.Target > TimeSpan.Zero);

    private static void Teach(AdaptiveBatchSizer length, TimeSpan perBatch)
    {
        for (var run = 0; run < 200; run++)
        {
            length.Learn(perBatch * length.Batches, length.Batches);
        }
    }
}

using OrleansRocketMQ.Dispatch;

namespace OrleansRocketMQ.Tests.Dispatch;

public sealed class RunLengthTests
{
    [Fact]
    public void An_unknown_listener_gets_one_batch() => Assert.Equal(1, new RunLength().Batches);

    [Fact]
    public void A_fast_listener_gets_long_runs_and_a_slow_one_a_batch_at_a_time()
    {
        var length = new RunLength();
        Teach(length, TimeSpan.FromMicroseconds(1));
        Assert.Equal(64, length.Batches);

        Teach(length, TimeSpan.FromMilliseconds(10));
        Assert.Equal(1, length.Batches);

        Teach(length, TimeSpan.FromMicroseconds(100));
        Assert.InRange(length.Batches, 4, 6);
    }

    private static void Teach(RunLength length, TimeSpan perBatch)
    {
        for (var run = 0; run < 200; run++)
        {
            length.Learn(perBatch * length.Batches, length.Batches);
        }
    }
}

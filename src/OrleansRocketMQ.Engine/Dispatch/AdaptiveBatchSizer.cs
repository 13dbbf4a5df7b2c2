namespace OrleansRocketMQ.Engine.Dispatch;

/// <summary>
/// How many batches go to a listener in one grain call. A fast listener gets long runs, because the call would cost
/// more than the work; a slow one gets a batch at a time, so that no message waits behind another while listeners are
/// free. Learns from what runs took. Thread-safe.
/// </summary>
internal sealed class AdaptiveBatchSizer
{
    /// <summary>The time a run should take: far below what anybody would notice, far above what a call costs.</summary>
    public static readonly TimeSpan Target = TimeSpan.FromMilliseconds(0.5);

    /// <summary>A run that takes this long ends early; the listener has become slower than was known.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(4);

    private const int MostBatches = 64;
    private const double Weight = 1.0 / 8;

    // A collection of garbage or a busy machine hits single runs and says nothing of the listener; one that has become slow says
    // so again with the next run.
    private const double MostGrowth = 4;
    private static readonly double LeastLimit = Target.Ticks / (double)MostBatches;

    // Nothing is known at first: begin with one batch.
    private double _ticksPerBatch = Target.Ticks;

    /// <summary>The batches of the next run, 1 to 64.</summary>
    public int Batches => (int)Math.Clamp(Target.Ticks / Math.Max(1, Volatile.Read(ref _ticksPerBatch)), 1, MostBatches);

    /// <summary>Tells what a run took. A lost update between two threads does no harm.</summary>
    public void Learn(TimeSpan elapsed, int batches)
    {
        var known = Volatile.Read(ref _ticksPerBatch);
        var taken = Math.Min((double)elapsed.Ticks / batches, Math.Max(MostGrowth * known, LeastLimit));
        Volatile.Write(ref _ticksPerBatch, known + (Weight * (taken - known)));
    }
}

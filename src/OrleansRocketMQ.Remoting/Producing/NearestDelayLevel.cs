namespace OrleansRocketMQ.Producing;

/// <summary>The delay level that comes nearest to a time, for brokers that hold messages to nothing else.</summary>
internal static class NearestDelayLevel
{
    // messageDelayLevel, as brokers have it unless set otherwise; clients are not told.
    private static readonly int[] Seconds = [1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800, 3600, 7200];

    /// <summary>The level from 1 on, of two as near the longer; 0 when the time is past.</summary>
    public static int Of(Message message, DateTimeOffset now)
    {
        var delay = message.DeliverAfter ?? message.DeliverAt - now ?? TimeSpan.Zero;
        if (delay <= TimeSpan.Zero)
        {
            return 0;
        }

        var nearest = 0;
        for (var index = 1; index < Seconds.Length; index++)
        {
            if (Distance(index) <= Distance(nearest))
            {
                nearest = index;
            }
        }

        return nearest + 1;

        double Distance(int index) => Math.Abs(Seconds[index] - delay.TotalSeconds);
    }
}

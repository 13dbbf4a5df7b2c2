namespace OrleansRocketMQ.Engine.Contracts;

/// <summary>The times after which brokers bring messages again, as they are set unless an operator has set others.</summary>
internal static class DelayLevels
{
    private static readonly int[] Seconds = [1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800, 3600, 7200];

    /// <summary>The level of a first failure; each further one is a level later.</summary>
    public const int OfFirstFailure = 3;

    /// <summary>The time of a level.</summary>
    public static TimeSpan TimeOf(int level) => TimeSpan.FromSeconds(Seconds[Math.Clamp(level, 1, Seconds.Length) - 1]);

    /// <summary>The first level that is not shorter than a time; the last one when all are.</summary>
    public static int Of(TimeSpan time)
    {
        var index = Array.FindIndex(Seconds, level => level >= time.TotalSeconds);
        return index < 0 ? Seconds.Length : index + 1;
    }
}

namespace OrleansRocketMQ.Engine.Statistics;

/// <summary>
/// Messages per second over the last ten full seconds: a counter for each second. Two threads that open a new second
/// at once may lose a few messages of it; no lock is worth that. Thread-safe.
/// </summary>
internal sealed class RateMeter
{
    private const int Seconds = 10;
    private const int Slots = 16;

    private readonly long[] _second = new long[Slots];
    private readonly long[] _count = new long[Slots];
    private long _first = long.MaxValue;

    public void Count(long unixMilliseconds, int messages)
    {
        var second = unixMilliseconds / 1000;
        var slot = (int)(second & (Slots - 1));
        if (Volatile.Read(ref _second[slot]) != second)
        {
            Volatile.Write(ref _count[slot], 0);
            Volatile.Write(ref _second[slot], second);
            if (Volatile.Read(ref _first) == long.MaxValue)
            {
                Volatile.Write(ref _first, second);
            }
        }

        Interlocked.Add(ref _count[slot], messages);
    }

    public double PerSecond(long unixMilliseconds)
    {
        // The running second is not over, so it does not count.
        var end = unixMilliseconds / 1000;
        var begin = Math.Max(end - Seconds, Volatile.Read(ref _first));
        if (begin >= end)
        {
            return 0;
        }

        var sum = 0L;
        for (var slot = 0; slot < Slots; slot++)
        {
            var second = Volatile.Read(ref _second[slot]);
            if (second >= begin && second < end)
            {
                sum += Volatile.Read(ref _count[slot]);
            }
        }

        return (double)sum / (end - begin);
    }
}

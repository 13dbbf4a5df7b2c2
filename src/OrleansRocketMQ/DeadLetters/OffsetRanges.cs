namespace OrleansRocketMQ.DeadLetters;

/// <summary>
/// Offsets as ranges: beginning and end of each, one after the other, ascending. Takes as much room as there are gaps,
/// however many offsets there are.
/// </summary>
internal static class OffsetRanges
{
    public static bool Contains(List<long> ranges, long offset)
    {
        var at = FirstEndingAt(ranges, offset + 1);
        return at < ranges.Count && ranges[at] <= offset;
    }

    public static void Add(List<long> ranges, long offset)
    {
        // The first range that ends where the offset is, or behind it.
        var at = FirstEndingAt(ranges, offset);
        if (at == ranges.Count || ranges[at] > offset + 1)
        {
            ranges.InsertRange(at, [offset, offset + 1]);
        }
        else if (ranges[at] == offset + 1)
        {
            ranges[at]--;
        }
        else if (ranges[at + 1] == offset)
        {
            ranges[at + 1]++;
            if (at + 2 < ranges.Count && ranges[at + 2] == offset + 1)
            {
                ranges.RemoveRange(at + 1, 2);
            }
        }
    }

    /// <summary>The first offset from one on that is in no range.</summary>
    public static long FirstGap(List<long> ranges, long offset)
    {
        var at = FirstEndingAt(ranges, offset + 1);
        return at < ranges.Count && ranges[at] <= offset ? ranges[at + 1] : offset;
    }

    public static void RemoveBelow(List<long> ranges, long offset)
    {
        var at = FirstEndingAt(ranges, offset + 1);
        ranges.RemoveRange(0, at);
        if (ranges.Count > 0 && ranges[0] < offset)
        {
            ranges[0] = offset;
        }
    }

    public static long CountBelow(List<long> ranges, long offset)
    {
        var count = 0L;
        for (var at = 0; at < ranges.Count && ranges[at] < offset; at += 2)
        {
            count += Math.Min(offset, ranges[at + 1]) - ranges[at];
        }

        return count;
    }

    private static int FirstEndingAt(List<long> ranges, long offset)
    {
        var (low, high) = (0, ranges.Count / 2);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = ranges[(middle * 2) + 1] < offset ? (middle + 1, high) : (low, middle);
        }

        return low * 2;
    }
}

using OrleansRocketMQ.Chaos.Soak;

namespace OrleansRocketMQ.Chaos.Tests;

/// <summary>A soak finds what grows. The soak itself is a command: <c>dotnet run -c Release --project tests/OrleansRocketMQ.Chaos -- soak</c>.</summary>
public sealed class SoakFiguresTests
{
    private const double MiB = 1024 * 1024;
    private static readonly TimeSpan Lasts = TimeSpan.FromHours(1);

    [Fact]
    public void What_stays_as_it_is_is_no_complaint_however_it_goes_to_and_fro()
        => Assert.Empty(Of(minute => minute % 2 == 0 ? 3 : -3, timers: _ => 0, consumed: _ => 60_000).Complaints);

    [Fact]
    public void A_heap_that_grows_by_more_than_four_mebibytes_in_an_hour_is_one()
        => Assert.Contains(Of(minute => minute * 5 / 60.0, timers: _ => 0, consumed: _ => 60_000).Complaints, complaint => complaint.StartsWith(SoakFigures.Heap, StringComparison.Ordinal));

    [Fact]
    public void So_are_timers_that_become_more_and_a_throughput_that_falls()
    {
        var complaints = Of(_ => 0, timers: minute => minute / 30, consumed: minute => 60_000 - (minute * 100)).Complaints;

        Assert.Equal([SoakFigures.Timers, SoakFigures.Consumed], complaints.Select(complaint => complaint[..complaint.IndexOf(" of ", StringComparison.Ordinal)]));
    }

    /// <summary>A sample a minute.</summary>
    private static SoakFigures Of(Func<int, double> heap, Func<int, double> timers, Func<int, double> consumed)
    {
        var sum = 0.0;
        return SoakFigures.Of(
            [.. Enumerable.Range(0, 60).Select(minute => new SoakSample("silo-1", TimeSpan.FromMinutes(minute), new Dictionary<string, double>
            {
                [SoakFigures.WorkingSet] = 200 * MiB,
                [SoakFigures.Heap] = (100 + heap(minute)) * MiB,
                [SoakFigures.LargeHeap] = 0,
                [SoakFigures.Timers] = 50 + timers(minute),
                [SoakFigures.Threads] = 20,
                [SoakFigures.Handles] = 200,
                [SoakFigures.Connections] = 10,
                [SoakFigures.Consumed] = sum += consumed(minute),
            }))],
            Lasts);
    }
}

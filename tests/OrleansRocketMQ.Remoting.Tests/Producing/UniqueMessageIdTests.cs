using System.Buffers.Binary;
using System.Net;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Producing;

public class UniqueMessageIdTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 15, 12, 0, 0, TimeSpan.Zero));

    [Fact]
    public void An_id_holds_address_process_time_in_the_month_and_counter_as_Javas_does()
    {
        var ids = new UniqueMessageId(_time, IPAddress.Parse("10.1.2.3"), 0x12345, 0x0A0B0C0D);
        var sinceMonthBegan = (int)TimeSpan.FromDays(14.5).TotalMilliseconds;
        Assert.Equal($"0A010203" + "2345" + "0A0B0C0D" + sinceMonthBegan.ToString("X8", System.Globalization.CultureInfo.InvariantCulture) + "0000", ids.Next());
        Assert.EndsWith("0001", ids.Next(), StringComparison.Ordinal);
    }

    [Fact]
    public void An_IPv6_address_makes_a_longer_id()
    {
        var id = new UniqueMessageId(_time, IPAddress.Parse("fd00::2"), 1, 2).Next();
        Assert.Equal(56, id.Length);
        Assert.StartsWith("FD000000000000000000000000000002000100000002", id, StringComparison.Ordinal);
        Assert.Equal(RecordedLength(), id.Length);
    }

    [Fact]
    public void The_time_begins_anew_with_each_month_and_does_not_run_backward_far()
    {
        var ids = new UniqueMessageId(_time, IPAddress.Loopback, 1, 2);
        _time.SetUtcNow(new DateTimeOffset(2026, 4, 1, 0, 0, 5, TimeSpan.Zero));
        Assert.Equal(5000, TimeOf(ids.Next()));
        _time.AdjustTime(new DateTimeOffset(2026, 3, 31, 23, 59, 59, TimeSpan.Zero));
        Assert.Equal(0, TimeOf(ids.Next()));
    }

    [Fact]
    public void Ids_of_many_threads_all_differ()
    {
        var ids = new System.Collections.Concurrent.ConcurrentBag<string>();
        Parallel.For(0, 20_000, _ => ids.Add(UniqueMessageId.OfThisProcess.Next()));
        Assert.Equal(20_000, ids.Distinct().Count());
    }

    private static int TimeOf(string id) => BinaryPrimitives.ReadInt32BigEndian(Convert.FromHexString(id).AsSpan(10));

    private static int RecordedLength() => RecordedFrames.Requests(310).First().PlainFields["i"].Split('\u0002').Single(pair => pair.StartsWith("UNIQ_KEY", StringComparison.Ordinal)).Length - "UNIQ_KEY".Length - 1;
}

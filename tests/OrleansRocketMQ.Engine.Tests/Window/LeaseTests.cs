using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Window;

/// <summary>A message has one owner: its lease ends once, and is given only when the queue may be worked on.</summary>
public sealed class LeaseTests
{
    public enum End
    {
        Complete,
        Return,
        SetAside,
    }

    private readonly QueueQuotas _budgets = new(new(1000), new(1000), new(1_000_000), new(1_000_000));

    public static IEnumerable<object[]> PairsOfEnds { get; } =
        from first in Enum.GetValues<End>() from second in Enum.GetValues<End>() select new object[] { first, second };

    [Theory]
    [MemberData(nameof(PairsOfEnds))]
    public void A_lease_that_ends_twice_is_an_error_that_changes_nothing_and_stops_the_queue(End first, End second)
    {
        var runs = Filled(6);
        var range = runs.Lease(2);
        var other = runs.Lease(1);
        Finish(range, first);
        var before = Figures(runs);

        var error = Assert.Throws<InvariantBrokenException>(() => Finish(range, second));

        Assert.Contains("a lease of a message ends once", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, Figures(runs));
        Assert.Equal(error.Message, runs.Gate.Broken?.Message);
        Assert.True(runs.Gate.IsPaused);
        Assert.True(runs.Lease(10).IsEmpty);
        Assert.Equal(0, runs.Waiting);

        // What others have still ends well.
        other.Complete();
        Assert.Equal(before.InFlight - 1, runs.InFlight);
    }

    [Fact]
    public void Nothing_that_is_returned_keeps_nobody_from_what_waits()
    {
        var runs = Filled(6);
        var range = runs.Lease(2);
        runs.Window.Return(range.Slice(2, 0));

        Assert.Equal([2L, 3L], runs.Lease(2).Messages.Select(message => message.QueueOffset));

        runs.Window.Return(range);
        Assert.Equal([0L, 1L], runs.Lease(2).Messages.Select(message => message.QueueOffset));
    }

    [Fact]
    public void A_second_end_that_comes_late_finds_no_other_message_in_the_place_of_the_first()
    {
        var runs = Filled(64);
        var late = runs.Lease(1);
        late.Complete();
        runs.Lease(63).Complete();

        // The ring has come round.
        runs.Window.Add(TestMessages.Pull(Offsets(64, 64)), 128);
        var now = runs.Lease(64);

        Assert.Throws<InvariantBrokenException>(() => late.Complete());

        Assert.Equal((64, 64, 64L), (runs.Window.Count, runs.InFlight, runs.Window.Watermark));
        now.Complete();
        Assert.Equal((0, 0, 128L), (runs.Window.Count, runs.InFlight, runs.Window.Watermark));
    }

    [Fact]
    public void What_is_set_aside_is_leased_once_and_what_waits_for_a_commit_is_committed_once()
    {
        var runs = Filled(2);
        var range = runs.Window.TakeAside(2);
        Assert.Equal(2, runs.Window.LeaseAside(range));

        Assert.Contains("set aside", Assert.Throws<InvariantBrokenException>(() => runs.Window.LeaseAside(range)).Message, StringComparison.Ordinal);

        runs = Filled(2);
        range = runs.Window.TakeAside(2);
        runs.Window.CompleteAside(range);
        Assert.Throws<InvariantBrokenException>(() => runs.Window.CompleteAside(range));
        Assert.Equal((0, 2L), (runs.Window.Count, runs.Window.Watermark));
    }

    [Theory]
    [InlineData("paused")]
    [InlineData("fenced")]
    [InlineData("held")]
    [InlineData("closed")]
    public void While_the_queue_may_not_be_worked_on_nothing_is_leased_be_it_new_or_returned_or_set_aside(string why)
    {
        var runs = Filled(6);
        var returned = runs.Lease(2);
        returned.Window.Return(returned);
        var aside = runs.Window.TakeAside(2);
        Assert.True(runs.MayLease);

        switch (why)
        {
            case "paused":
                runs.Gate.Set(paused: true, rate: null);
                break;
            case "fenced":
                runs.Gate.Fence(closed: true);
                break;
            case "held":
                runs.Hold();
                break;
            default:
                runs.Close();
                break;
        }

        Assert.False(runs.MayLease);
        Assert.Equal(0, runs.Waiting);
        Assert.True(runs.Lease(10).IsEmpty);
        Assert.Equal(0, runs.Window.LeaseAside(aside));
        Assert.Equal(0, runs.Window.LeaseAside([aside.Place]));
        Assert.Equal((6, 0, 0L), (runs.Window.Count, runs.InFlight, runs.Window.Watermark));
    }

    [Fact]
    public void A_rate_is_asked_for_what_goes_to_a_listener_and_not_for_what_is_sorted()
    {
        var time = new FakeTimeProvider();
        using var rate = new TopicRate(3, time, () => { });
        var runs = Filled(9);
        runs.Gate.Set(paused: false, rate);
        time.Advance(TimeSpan.FromSeconds(1));

        var aside = runs.Window.TakeAside(5);
        Assert.Equal(5, aside.Messages.Count);
        Assert.Equal(2, runs.Window.LeaseAside(aside.Slice(0, 2)));
        Assert.Single(runs.Lease(10).Messages);
        Assert.Equal(0, runs.Window.LeaseAside(aside.Slice(2, 3)));
        Assert.True(runs.Lease(10).IsEmpty);

        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(3, runs.Window.LeaseAside(aside.Slice(2, 3)));
    }

    /// <summary>Whoever had sorted them, and wherever they were: a new window leaves nothing of the old one charged.</summary>
    [Fact]
    public void A_restart_gives_back_what_nobody_works_on_at_once_and_the_rest_when_its_lease_ends()
    {
        var runs = Filled(10);
        var leased = runs.Lease(2);
        var back = runs.Lease(1);
        back.Window.Return(back);
        var aside = runs.Window.TakeAside(3);
        Assert.Equal((10, 80), (_budgets.Group.Used, _budgets.TopicBytes.Used));
        Assert.True(_budgets.SiloBytes.Used > 80);

        runs.Restart(new ProcessQueue(100, new QueueQuotaUsage(_budgets)));

        Assert.Equal((2, 16), (_budgets.Group.Used, _budgets.TopicBytes.Used));
        Assert.Equal((0, 2, 100L), (runs.Window.Count, runs.InFlight, runs.Window.Watermark));
        Assert.Equal(0, aside.Window.LeaseAside(aside));
        aside.Window.CompleteAside(aside);
        leased.Slice(0, 1).Complete();
        Assert.Equal(1, runs.InFlight);
        leased.Window.Return(leased.Slice(1, 1));
        Assert.Equal(0, runs.InFlight);
        Assert.Equal((0, 0, 0, 0), (_budgets.Group.Used, _budgets.Topic.Used, _budgets.TopicBytes.Used, _budgets.SiloBytes.Used));
        Assert.Throws<InvariantBrokenException>(() => leased.Complete());
        Assert.True(runs.Lease(1).IsEmpty);
    }

    [Fact]
    public void A_restart_tells_whoever_sorts()
    {
        var runs = Filled(1);
        ProcessQueue? seen = null;
        runs.Restarted += () => seen = runs.Window;

        runs.Restart(new ProcessQueue(5));

        Assert.Same(runs.Window, seen);
        Assert.Equal(5, seen!.Watermark);
    }

    [Fact]
    public void A_queue_that_stops_leases_nothing_of_a_window_that_begins_later()
    {
        var runs = Filled(1);
        runs.Close();

        runs.Restart(new ProcessQueue(0));
        runs.Window.Add(TestMessages.Pull(Offsets(0, 3)), 3);

        Assert.True(runs.Lease(1).IsEmpty);
        Assert.True(runs.Window.TakeAside(1).IsEmpty);
        Assert.Equal(0, runs.Waiting);
    }

    /// <summary>Messages are views of the bytes of their pull, so one that stays keeps all of them in memory.</summary>
    [Fact]
    public void The_silo_is_charged_with_a_pull_until_its_last_message_is_done_and_the_queue_with_bodies()
    {
        var runs = Filled(0);
        var pull = TestMessages.Pull(Offsets(0, 100), bodyLength: 10);
        runs.Window.Add(pull, 100);
        var all = pull[0].Buffer.Length;
        Assert.Equal((1000, all), (_budgets.TopicBytes.Used, (int)_budgets.SiloBytes.Used));

        var first = runs.Lease(1);
        runs.Lease(99).Complete();
        Assert.Equal((10L, 10, all), (runs.Window.Bytes, _budgets.TopicBytes.Used, (int)_budgets.SiloBytes.Used));

        first.Complete();
        Assert.Equal((0L, 0, 0), (runs.Window.Bytes, _budgets.TopicBytes.Used, _budgets.SiloBytes.Used));
    }

    private static IEnumerable<long> Offsets(int first, int count) => Enumerable.Range(first, count).Select(offset => (long)offset);

    private static void Finish(ProcessQueueRange range, End end)
    {
        switch (end)
        {
            case End.Complete:
                range.Complete();
                break;
            case End.Return:
                range.Window.Return(range);
                break;
            default:
                range.Window.SetAside(range);
                break;
        }
    }

    private (int Count, int InFlight, long Watermark, long Bytes, long Charged) Figures(DispatchBuffer runs)
        => (runs.Window.Count, runs.InFlight, runs.Window.Watermark, runs.Window.Bytes, _budgets.Group.Used);

    private DispatchBuffer Filled(int count)
    {
        var window = new ProcessQueue(0, new QueueQuotaUsage(_budgets));
        window.Add(TestMessages.Pull(Offsets(0, count)), count);
        return new DispatchBuffer(window);
    }
}

using OrleansRocketMQ.Engine.Pop;
using OrleansRocketMQ.Engine.Queue;

namespace OrleansRocketMQ.Engine.Tests.Pop;

/// <summary>What a queue that is popped is in, and what becomes of a message of it, as values.</summary>
public sealed class PopStateTests
{
    private static readonly ReceiptHandle Handle = new(0, 1000, 60_000, 3, PopTopicKind.Normal, "broker-a", 0, 5);

    [Fact]
    public void Every_state_has_an_answer_to_every_event_and_nothing_follows_the_end()
    {
        foreach (var state in States())
        {
            foreach (var happened in Enum.GetValues<QueueEventKind>())
            {
                var next = state.Next(happened);
                Assert.True(!state.IsStopped || ReferenceEquals(state, next), $"{happened} changes {state}");
                Assert.True(!state.IsStopping || next.IsStopping, $"{happened} undoes the stop of {state}");
                Assert.Equal(!next.IsStopping && !next.IsFenceClosed && !next.IsPauseWanted, next.MayHandOut);
            }
        }
    }

    [Theory]
    [InlineData("Positioned", "Popping")]
    [InlineData("Positioned Paused", "Paused")]
    [InlineData("Positioned Paused FenceClosed", "Fenced")]
    [InlineData("Positioned Paused FenceClosed FenceOpened", "Paused")]
    [InlineData("Positioned AttemptFailed", "BackingOff")]
    [InlineData("Positioned AttemptFailed RetryDue", "Popping")]
    [InlineData("Positioned AttemptFailed FenceClosed FenceOpened", "Popping")]
    [InlineData("Positioned FailedTooOften", "Halted")]
    [InlineData("Positioned FailedTooOften Resumed", "Halted")]
    [InlineData("Positioned FailedTooOften Recovered", "Popping")]
    [InlineData("FailedTooOften Recovered", "Placing")]
    [InlineData("Positioned FenceClosed Stop", "Stopping")]
    [InlineData("Positioned Ended", "Popping")]
    [InlineData("Positioned Stop Ended", "Stopped")]
    public void A_queue_is_in_what_has_to_be_over_first(string events, string phase)
        => Assert.Equal(phase, After(events.Split(' ').Select(Enum.Parse<QueueEventKind>)).Phase.ToString());

    [Theory]
    [InlineData(0, nameof(PopDuty.None))]
    [InlineData(39, nameof(PopDuty.None))]
    [InlineData(40, nameof(PopDuty.Renew))]
    [InlineData(59, nameof(PopDuty.Renew))]
    [InlineData(60, nameof(PopDuty.None))]
    public void The_time_of_a_held_message_is_prolonged_shortly_before_its_end(int at, string duty)
        => Assert.Equal(duty, new PopReceipt(Handle, 60).DutyAt(at, ahead: 20).ToString());

    [Fact]
    public void While_the_broker_is_asked_nothing_else_is_told_and_afterwards_by_the_new_handle()
    {
        var next = Handle with { PopTime = 41_000 };
        var asked = new PopReceipt(Handle, 60).Ask().Finish();

        Assert.Equal(PopDuty.None, asked.DutyAt(50, 20));
        Assert.Throws<InvariantBrokenException>(asked.Ask);
        var answered = asked.Renewed(next, 101);
        Assert.Equal((PopDuty.Acknowledge, next), (answered.DutyAt(50, 20), answered.Handle));
    }

    [Fact]
    public void What_is_given_back_is_not_done_any_more_and_forgotten_once_others_may_have_it()
    {
        var given = new PopReceipt(Handle, 60).GiveBack(TimeSpan.FromSeconds(10)).Finish();

        Assert.Equal(PopDuty.GiveBack, given.DutyAt(59, 20));
        Assert.Equal(PopDuty.Forget, given.DutyAt(60, 20));
    }

    [Fact]
    public void What_is_done_is_not_given_back_and_told_even_when_it_is_late()
    {
        var done = new PopReceipt(Handle, 60).Finish().GiveBack(TimeSpan.Zero);

        Assert.Equal(PopDuty.Acknowledge, done.DutyAt(61, 20));
        Assert.True(done.IsVisibleAt(61));
    }

    private static HashSet<PopState> States()
    {
        var events = Enum.GetValues<QueueEventKind>();
        var seen = new HashSet<PopState> { new() };
        var open = new Queue<PopState>(seen);
        while (open.TryDequeue(out var state))
        {
            foreach (var next in events.Select(state.Next).Where(seen.Add))
            {
                open.Enqueue(next);
            }
        }

        return seen;
    }

    private static PopState After(IEnumerable<QueueEventKind> events) => events.Aggregate(new PopState(), (state, happened) => state.Next(happened));
}

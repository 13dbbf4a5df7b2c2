using OrleansRocketMQ.Engine.Queue;

namespace OrleansRocketMQ.Engine.Tests.Queue;

/// <summary>The table of <see cref="QueueStateTable"/> holds, and leaves nothing out.</summary>
public sealed class QueueStateTests
{
    [Fact]
    public void Every_event_does_to_every_state_what_the_table_says()
    {
        var wrong = new List<string>();
        foreach (var (name, kind, expected) in QueueStateTable.Cells)
        {
            var state = QueueStateTable.States[name];
            var (next, actions) = state.Next(QueueStateTable.Event(kind, state));
            var found = (ReferenceEquals(next, state) ? "." : QueueStateTable.Write(next)) + QueueStateTable.Write(actions);
            if (found != expected)
            {
                wrong.Add($"{kind} in {name}: {found}, expected {expected}");
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Fact]
    public void The_table_has_one_cell_for_each_state_and_event_and_every_phase_occurs()
    {
        var cells = QueueStateTable.Cells.Select(cell => (cell.State, cell.Event)).ToArray();
        var all = from state in QueueStateTable.States.Keys from kind in Enum.GetValues<QueueEventKind>() select (state, kind);

        Assert.Equal(cells.Length, cells.Distinct().Count());
        Assert.Equal(all.OrderBy(cell => cell.ToString()), cells.OrderBy(cell => cell.ToString()));
        Assert.Equal(Enum.GetValues<QueuePhase>(), QueueStateTable.States.Values.Select(state => state.Phase).Distinct().Order());
        Assert.Equal(Enum.GetValues<QueueTask>(), QueueStateTable.States.Values.Select(state => state.Task).Distinct().Order());
    }

    /// <summary>The window is at 50, a move goes to 10.</summary>
    [Theory]
    [InlineData("lock", nameof(QueueTask.WaitForLock), false, -1)]
    [InlineData("find", nameof(QueueTask.FindOffset), false, -1)]
    [InlineData("run", nameof(QueueTask.Pull), true, 50)]
    [InlineData("paus", nameof(QueueTask.WaitForResume), false, 50)]
    [InlineData("fenc", nameof(QueueTask.WaitForFence), false, -1)]
    [InlineData("veri", nameof(QueueTask.CompareWithStore), false, -1)]
    [InlineData("back", nameof(QueueTask.WaitForRetry), true, 50)]
    [InlineData("halt", nameof(QueueTask.WaitForRecovery), true, 50)]
    [InlineData("S0", nameof(QueueTask.StoreOffset), true, -1)]
    [InlineData("S1", nameof(QueueTask.StoreOffset), true, -1)]
    [InlineData("S2", nameof(QueueTask.WaitForListeners), false, 10)]
    [InlineData("R0", nameof(QueueTask.StoreOffset), true, -1)]
    [InlineData("R1", nameof(QueueTask.StoreOffset), true, -1)]
    [InlineData("R2", nameof(QueueTask.WaitForListeners), false, 10)]
    [InlineData("V2", nameof(QueueTask.WaitForListeners), false, -1)]
    [InlineData("stop", nameof(QueueTask.Leave), false, 50)]
    [InlineData("sR", nameof(QueueTask.Leave), false, -1)]
    [InlineData("end", nameof(QueueTask.Nothing), false, -1)]
    public void A_state_says_what_is_done_and_what_may_be_handed_out_and_committed(string name, string task, bool handsOut, long committable)
    {
        var state = QueueStateTable.States[name];

        Assert.Equal((task, handsOut, committable), (state.Task.ToString(), state.MayHandOut, state.Committable(watermark: 50)));
    }

    [Theory]
    [InlineData("S0", nameof(QueueEventKind.StoreBegun))]
    [InlineData("S0", nameof(QueueEventKind.SeekWithdrawn))]
    [InlineData("S1", nameof(QueueEventKind.OffsetStored))]
    [InlineData("S2", nameof(QueueEventKind.ListenersDone))]
    public void News_of_an_earlier_move_says_nothing_of_a_later_one(string name, string kind)
    {
        var state = QueueStateTable.States[name];

        Assert.Same(state, state.Next(new(Enum.Parse<QueueEventKind>(kind), Move: state.Move!.Number - 1)).State);
    }

    [Fact]
    public void An_offset_that_is_stored_when_the_lock_is_lost_is_asked_for_with_the_next_lock()
    {
        var storing = QueueStateTable.States["S1"];
        var lost = storing.Next(QueueEventKind.LockLost).State;

        var (stored, actions) = lost.Next(QueueEvent.OffsetStored(storing.Move!.Number));

        Assert.Equal(QueueActions.CompleteSeek, actions);
        Assert.Equal(QueueTask.FindOffset, stored.Next(QueueEventKind.LockGained).State.Task);
    }

    [Fact]
    public void A_seek_that_is_withdrawn_after_another_member_has_gone_on_leaves_a_queue_that_asks_where_it_is()
    {
        var asked = QueueStateTable.States["veri"].Next(QueueEvent.SeekAsked(5)).State;

        var withdrawn = asked.Next(QueueEvent.Overtaken(15)).State.Next(QueueEvent.SeekWithdrawn(asked.Move!.Number)).State;

        Assert.Equal(QueueTask.FindOffset, withdrawn.Task);
    }

    [Theory]
    [InlineData("S2", false)]
    [InlineData("R2", false)]
    [InlineData("V2", true)]
    [InlineData("run", true)]
    public void What_is_done_counts_when_another_member_has_gone_on_unless_the_queue_was_moved(string name, bool counts)
    {
        var state = QueueStateTable.States[name].Next(QueueEventKind.FenceClosed).State.Next(QueueEventKind.FenceOpened).State;

        var overtaken = state.Next(QueueEvent.Overtaken(15)).State;

        Assert.Equal((MoveReason.Overtaken, 15, counts), (overtaken.Move!.Reason, overtaken.Move.Offset, overtaken.IsPositioned));
    }

    [Fact]
    public void A_queue_that_waits_for_something_of_its_own_is_given_more_time_than_one_that_waits_for_a_server()
    {
        var patience = new QueuePatience(TimeSpan.FromMinutes(20), TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(1));

        Assert.Equal(patience.Listeners, patience.Of(QueueTask.WaitForListeners));
        Assert.Equal(patience.Listeners, patience.Of(QueueTask.Pull));
        Assert.Equal(patience.Servers, patience.Of(QueueTask.StoreOffset));
        Assert.Null(patience.Of(QueueTask.WaitForResume));
    }
}

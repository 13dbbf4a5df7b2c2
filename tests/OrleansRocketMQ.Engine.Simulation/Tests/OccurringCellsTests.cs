using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Simulation.Checking;
using OrleansRocketMQ.Engine.Simulation.World;
using OrleansRocketMQ.Engine.Tests.Queue;
using Xunit;

namespace OrleansRocketMQ.Engine.Simulation.Tests;

/// <summary>What is asked of many runs together.</summary>
public sealed class OccurringCellsTests
{
    [Fact]
    public void Of_each_cell_of_the_table_of_states_it_is_known_whether_it_occurs()
        => Assert.Equal(
            QueueStateTable.Cells.Select(cell => (cell.State, cell.Event)).Order(),
            OccurringCells.All.Keys.Order());

    [Fact]
    public void A_run_that_has_met_nothing_falls_short_of_every_cell_that_occurs_of_every_fault_and_of_every_word()
    {
        var shortcomings = new Coverage().Shortcomings(leastOfEach: 1);

        var occurring = OccurringCells.All.Values.Count(occurrence => occurrence == Occurrence.Occurs);
        var kinds = Enum.GetValues<FaultKind>().Count(static kind => kind <= FaultKind.ResetWhileDown);
        var words = Enum.GetValues<Mode>().Count(static mode => mode != Mode.Popped) * Enum.GetValues<ListenerWord>().Length;
        Assert.Equal(occurring + kinds + words, shortcomings.Count);
    }

    [Fact]
    public void A_cell_that_cannot_be_and_was_met_is_a_shortcoming()
    {
        var coverage = new Coverage();
        coverage.Reached(QueueState.New(needsLock: false), QueueEventKind.Ended);

        Assert.Contains("Ended met a queue that is find, which cannot be", coverage.Shortcomings(leastOfEach: 0));
    }
}

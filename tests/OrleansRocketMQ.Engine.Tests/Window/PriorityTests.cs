using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Window;

/// <summary>Messages that wait are leased by their priority where that is asked for.</summary>
public sealed class PriorityTests
{
    [Fact]
    public void What_has_a_higher_priority_is_leased_first_and_what_has_the_same_as_it_came()
    {
        var runs = Runs(-1, 0, 3, 0, 3, 7, -1);

        Assert.Equal([5, 2, 4, 1, 3, 0, 6], LeasedOneByOne(runs, 7));
    }

    [Fact]
    public void Neighbours_of_one_priority_are_leased_together()
    {
        var runs = Runs(0, 0, 0, 4, 4, 0);

        Assert.Equal([3, 4], Offsets(runs.Lease(10)));
        Assert.Equal([0, 1], Offsets(runs.Lease(2)));
        Assert.Equal([2], Offsets(runs.Lease(10)));
        Assert.Equal([5], Offsets(runs.Lease(10)));
        Assert.True(runs.Lease(10).IsEmpty);
    }

    [Fact]
    public void What_waits_longest_has_every_eighth_turn_however_much_of_a_higher_priority_comes()
    {
        var runs = Runs([0, 0, .. Enumerable.Repeat(9, 30)]);

        var leased = LeasedOneByOne(runs, 20);

        Assert.Equal([0, 1], leased.Where(offset => offset < 2));
        Assert.Equal(PriorityOrder.OldestOnceIn - 1, leased.IndexOf(0));
        Assert.Equal((2 * PriorityOrder.OldestOnceIn) - 1, leased.IndexOf(1));
    }

    [Fact]
    public void Nothing_is_committed_beyond_what_was_passed_over()
    {
        var runs = Runs(0, 5, 5);

        runs.Lease(2).Complete();

        Assert.Equal(0, runs.Window.Watermark);
        var next = new ProcessQueue(runs.Window.Snapshot());
        Assert.Equal(1, next.Add(TestMessages.WithPriorities([0, 5, 5]), 3));
        Assert.Equal(0, next.MinOffset);
    }

    [Fact]
    public void What_came_back_is_leased_before_everything_else()
    {
        var runs = Runs(0, 5);
        var urgent = runs.Lease(1);
        runs.Window.Return(urgent);

        Assert.Equal([1], Offsets(runs.Lease(1)));
    }

    [Fact]
    public void The_next_window_goes_by_priority_as_well()
    {
        var runs = Runs(0, 5);
        runs.Restart(new ProcessQueue(0));
        runs.Window.Add(TestMessages.WithPriorities([1, 2]), 2);

        Assert.Equal(2, runs.HighestPriority);
        Assert.Equal([1], Offsets(runs.Lease(1)));
        Assert.Equal(1, runs.HighestPriority);
    }

    [Fact]
    public void Without_being_asked_for_messages_are_leased_as_they_came()
    {
        var runs = new DispatchBuffer(new ProcessQueue(0));
        runs.Window.Add(TestMessages.WithPriorities([0, 5]), 2);

        Assert.Equal([0, 1], Offsets(runs.Lease(2)));
    }

    /// <summary>Steps in random orders, against a list that says of each message where it is.</summary>
    [Theory]
    [Trait("Length", "Long")]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void Whatever_becomes_of_leases_nothing_waits_behind_a_lower_priority_and_the_watermark_passes_nothing_unfinished(int seed)
    {
        var random = new System.Random(seed);
        var budgets = new QueueQuotas(new(long.MaxValue), new(long.MaxValue), new(long.MaxValue), new(long.MaxValue));
        var runs = new DispatchBuffer(new ProcessQueue(0, new QueueQuotaUsage(budgets)), byPriority: true);
        var waiting = new SortedDictionary<long, int>();
        var leased = new List<ProcessQueueRange>();
        var returned = new List<long>();
        var end = 0L;
        for (var step = 0; step < 3000; step++)
        {
            switch (random.Next(5))
            {
                case 0:
                    var priorities = Enumerable.Range(0, random.Next(12)).Select(_ => random.Next(-1, 4)).ToArray();
                    runs.Window.Add(TestMessages.WithPriorities(priorities, end), end + priorities.Length);
                    foreach (var priority in priorities)
                    {
                        waiting.Add(end++, priority);
                    }

                    break;
                case 1 or 2 when runs.Lease(1 + random.Next(6)) is { IsEmpty: false } range:
                    var offsets = Offsets(range);
                    if (!returned.Contains(offsets[0]))
                    {
                        Assert.True(waiting[offsets[0]] == waiting.Values.Max() || offsets[0] == waiting.Keys.First());
                    }

                    Assert.All(offsets, offset => Assert.True(returned.Remove(offset) || waiting.Remove(offset)));
                    leased.Add(range);
                    break;
                case 3 when leased.Count > 0:
                    leased[0].Complete();
                    leased.RemoveAt(0);
                    break;
                case 4 when leased.Count > 0:
                    runs.Window.Return(leased[^1]);
                    returned.AddRange(Offsets(leased[^1]));
                    leased.RemoveAt(leased.Count - 1);
                    break;
            }

            long[] unfinished = [.. waiting.Keys, .. returned, .. leased.SelectMany(Offsets)];
            Assert.Equal(unfinished.Length == 0 ? end : unfinished.Min(), runs.Window.Watermark);
            Assert.Equal(waiting.Count + returned.Count, runs.Window.Waiting);
            Assert.Equal(unfinished.Length, runs.Window.Count);
            var snapshot = runs.Window.Snapshot();
            Assert.All(unfinished, offset => Assert.False(snapshot.IsDone(offset)));
        }

        leased.ForEach(range => range.Complete());
        runs.Restart(new ProcessQueue(0));
        Assert.Equal(0, budgets.Group.Used);
    }

    private static DispatchBuffer Runs(params int[] priorities)
    {
        var runs = new DispatchBuffer(new ProcessQueue(0), byPriority: true);
        runs.Window.Add(TestMessages.WithPriorities(priorities), priorities.Length);
        return runs;
    }

    private static List<long> LeasedOneByOne(DispatchBuffer runs, int count)
        => [.. Enumerable.Range(0, count).Select(_ => Assert.Single(Offsets(runs.Lease(1))))];

    private static List<long> Offsets(ProcessQueueRange range) => [.. range.Messages.Select(message => message.QueueOffset)];
}

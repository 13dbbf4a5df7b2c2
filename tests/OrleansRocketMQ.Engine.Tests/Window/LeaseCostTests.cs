using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Window;

/// <summary>What a lease takes of memory: the array its messages travel in, whatever their number.</summary>
public sealed class LeaseCostTests
{
    private const int Messages = 64;

    // Header and length, and a reference for each message.
    private const int ArrayBytes = 24 + (8 * Messages);

    [Fact]
    public void A_lease_allocates_the_array_of_its_messages_and_its_end_nothing()
    {
        var runs = Filled(4 * Messages);
        runs.Lease(Messages).Complete();

        var before = GC.GetAllocatedBytesForCurrentThread();
        var range = runs.Lease(Messages);
        var leased = GC.GetAllocatedBytesForCurrentThread();
        range.Complete();
        var ended = GC.GetAllocatedBytesForCurrentThread();

        Assert.Equal(Messages, range.Messages.Count);
        Assert.Equal((ArrayBytes, 0), (leased - before, ended - leased));
    }

    [Fact]
    public void To_return_a_lease_and_to_lease_it_again_allocates_nothing()
    {
        var runs = Filled(Messages);
        var range = runs.Lease(Messages);
        range.Window.Return(range);
        range = runs.Lease(Messages);

        var before = GC.GetAllocatedBytesForCurrentThread();
        range.Window.Return(range);
        range = runs.Lease(Messages);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(Messages, range.Messages.Count);
    }

    [Fact]
    public void A_lease_of_what_is_set_aside_allocates_nothing()
    {
        var runs = Filled(2 * Messages);
        var first = runs.Window.TakeAside(Messages);
        var second = runs.Window.TakeAside(Messages);
        Work(first);

        var before = GC.GetAllocatedBytesForCurrentThread();
        Work(second);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        static void Work(ProcessQueueRange range)
        {
            range.Window.LeaseAside(range);
            range.Window.SetAside(range);
            range.Window.LeaseAside([range.Place]);
            range.Window.Complete([range.Place]);
        }
    }

    [Fact]
    public void To_set_messages_aside_in_room_that_is_there_allocates_nothing_and_takes_what_fits()
    {
        var window = Filled(2 * Messages + 1).Window;
        var room = new MessageExt[Messages];
        Assert.Equal(Messages, window.TakeAside(room).Messages.Count);

        var before = GC.GetAllocatedBytesForCurrentThread();
        var range = window.TakeAside(room);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal((Messages, Messages), (range.Messages.Count, (int)range.Messages[0].QueueOffset));
        Assert.Equal(2 * Messages, Assert.Single(window.TakeAside(room).Messages).QueueOffset);
    }

    private static DispatchBuffer Filled(int count)
    {
        var budgets = new QueueQuotas(new(1000), new(1000), new(1_000_000), new(1_000_000));
        var window = new ProcessQueue(0, new QueueQuotaUsage(budgets));
        window.Add(TestMessages.Pull(Enumerable.Range(0, count).Select(offset => (long)offset)), count);
        return new DispatchBuffer(window);
    }
}

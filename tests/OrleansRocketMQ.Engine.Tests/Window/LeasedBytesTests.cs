using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Engine.Tests.Window;

/// <summary>The bytes of a pull that are of a pool: the window holds them until the last of its messages is done.</summary>
public sealed class LeasedBytesTests
{
    private readonly CountingPool _pool = new();
    private readonly ProcessQueue _queue = new(0);

    [Fact]
    public void They_go_back_when_the_last_message_is_done_and_not_before()
    {
        Add(0, 1, 2);
        var (first, rest) = (_queue.Lease(1), _queue.Lease(2));
        rest.Complete();
        Assert.Equal(1, _pool.Out);
        Assert.Equal(0, first.Messages[0].QueueOffset);

        first.Complete();
        Assert.Equal(0, _pool.Out);
    }

    [Fact]
    public void A_message_that_was_returned_or_set_aside_keeps_them()
    {
        Add(0, 1);
        _queue.Return(_queue.Lease(2));
        Assert.Equal(1, _pool.Out);
        var again = _queue.Lease(2);
        Assert.True(_queue.SetAside(again));
        Assert.Equal(1, _pool.Out);
        Assert.Equal(2, _queue.LeaseAside(again));
        again.Complete();
        Assert.Equal(0, _pool.Out);
    }

    [Fact]
    public void A_message_that_is_on_its_way_back_keeps_them_and_its_copy_outlives_them()
    {
        Add(0, 1);
        var both = _queue.Lease(2);
        var failed = both.Slice(1, 1).Owned();
        both.Slice(0, 1).Complete();
        Assert.Equal(1, _pool.Out);

        failed.Complete();
        Assert.Equal(0, _pool.Out);
        Assert.Equal(1, failed.Messages[0].QueueOffset);
        Assert.Throws<ObjectDisposedException>(() => both.Messages[1].QueueOffset);
    }

    [Fact]
    public void A_window_whose_time_is_over_gives_back_what_nobody_has_and_the_rest_when_its_lease_ends()
    {
        Add(0, 1);
        Add(2, 3);
        var leased = _queue.Lease(1);
        _queue.Retire();
        Assert.Equal(1, _pool.Out);
        _queue.Return(leased);
        Assert.Equal(0, _pool.Out);
    }

    [Fact]
    public void What_is_dropped_before_anybody_got_it_goes_back()
    {
        Add(0, 1);
        _queue.DropWaiting();
        Assert.Equal(0, _pool.Out);
    }

    [Fact]
    public void A_pull_that_brought_nothing_new_is_held_by_nobody()
    {
        Add(0, 1);
        Add(0, 1);
        Assert.Equal(1, _pool.Out);
    }

    [Fact]
    public void The_array_of_the_pool_is_what_quotas_are_charged_with()
    {
        var bytes = new SharedQuota(1_000_000);
        var queue = new ProcessQueue(0, new QueueQuotaUsage(new QueueQuotas(new(1000), new(1000), new(1_000_000), bytes)));
        queue.Add(TestMessages.PooledPull([0, 1], _pool, out var body), pulledTo: 2);
        Assert.Equal(body.Bytes.Length, bytes.Used);
        body.Release();
        queue.Lease(2).Complete();
        Assert.Equal(0, bytes.Used);
    }

    private void Add(params long[] offsets)
    {
        _queue.Add(TestMessages.PooledPull(offsets, _pool, out var body), pulledTo: offsets[^1] + 1);
        body.Release();
    }
}

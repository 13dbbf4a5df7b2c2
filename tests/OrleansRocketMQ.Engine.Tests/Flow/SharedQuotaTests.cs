using FsCheck;
using FsCheck.Fluent;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Tests.Flow;

/// <summary>What queues hold together stays within the limit but for one pull of each, and everybody gets his turn.</summary>
public sealed class SharedQuotaTests
{
    private const int Pull = 10;

    [Fact]
    public void While_there_is_room_nobody_waits()
    {
        var budget = new SharedQuota(100);
        var queue = new TestQueue(budget);

        for (var pull = 0; pull < 10; pull++)
        {
            Assert.True(queue.TryPull());
        }

        Assert.False(queue.TryPull());
        Assert.Equal(1, budget.Waiting);
    }

    [Fact]
    public void Queues_that_wait_go_on_in_the_order_they_came()
    {
        var budget = new SharedQuota(10);
        var (holder, first, second, third) = (new TestQueue(budget), new TestQueue(budget), new TestQueue(budget), new TestQueue(budget));
        Assert.True(holder.TryPull());
        Assert.False(first.TryPull());
        Assert.False(second.TryPull());

        holder.Complete(Pull);

        Assert.Equal((1, 0), (first.Calls, second.Calls));

        // Somebody who comes only now does not get in front of those who wait.
        Assert.False(third.TryPull());
        Assert.True(first.TryPull());
        first.Complete(Pull);
        Assert.Equal((1, 0), (second.Calls, third.Calls));
    }

    [Fact]
    public void A_queue_that_leaves_after_it_was_called_hands_its_turn_on()
    {
        var budget = new SharedQuota(10);
        var (holder, first, second) = (new TestQueue(budget), new TestQueue(budget), new TestQueue(budget));
        Assert.True(holder.TryPull());
        Assert.False(first.TryPull());
        Assert.False(second.TryPull());
        holder.Complete(Pull);

        first.Leave();

        Assert.Equal(1, second.Calls);
        Assert.True(second.TryPull());
    }

    [Fact]
    public void A_queue_that_ends_gives_back_all_it_holds_once()
    {
        var budget = new SharedQuota(1000);
        var all = new QueueQuotas(budget, new(1000), new(1000), new(1000));
        var holdings = new QueueQuotaUsage(all);
        holdings.Add(30, 3000, 5000);
        holdings.Remove(10, 1000, 0);
        Assert.Equal((20, 20, 2000, 5000), (budget.Used, all.Topic.Used, all.TopicBytes.Used, all.SiloBytes.Used));

        holdings.Close();
        holdings.Remove(20, 2000, 5000);
        holdings.Add(5, 500, 500);

        Assert.Equal((0, 0, 0, 0), (budget.Used, all.Topic.Used, all.TopicBytes.Used, all.SiloBytes.Used));
    }

    [Fact]
    public void Whatever_queues_do_the_limit_holds_and_nobody_is_forgotten() => Prop.ForAll(
        (from queues in Gen.Choose(1, 6)
         from limit in Gen.Choose(1, 60)
         from steps in Gen.Choose(0, 99).ListOf(200)
         select (queues, limit, steps: steps.ToArray())).ToArbitrary(),
        test =>
        {
            var budget = new SharedQuota(test.limit);
            var queues = Enumerable.Range(0, test.queues).Select(_ => new TestQueue(budget)).ToArray();
            foreach (var step in test.steps)
            {
                var queue = queues[step % test.queues];
                switch (step / 10 % 3)
                {
                    case 0 or 1:
                        queue.TryPull();
                        break;
                    default:
                        queue.Complete(Math.Min(queue.Held, 1 + (step % 7)));
                        break;
                }

                Assert.True(budget.Used < test.limit + (test.queues * Pull));
                Assert.Equal(queues.Sum(each => each.Held), budget.Used);
            }

            // All work ends: then everybody who waits must be called, sooner or later.
            for (var round = 0; round < 100 && queues.Any(queue => queue.Held > 0 || queue.Waits); round++)
            {
                foreach (var queue in queues)
                {
                    queue.Complete(queue.Held);
                    if (queue.Waits)
                    {
                        queue.TryPull();
                    }
                }
            }

            Assert.DoesNotContain(queues, queue => queue.Waits);
            Assert.Equal((0, 0), (budget.Used, budget.Waiting));
        }).QuickCheckThrowOnFailure();

    [Fact]
    [Trait("Length", "Long")]
    public async Task Under_many_threads_every_queue_pulls_on()
    {
        const int Rounds = 2000;
        var budget = new SharedQuota(25);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            var turn = new SemaphoreSlim(0);
            var ticket = new QuotaWaiter(budget, Pull, () => turn.Release());
            for (var round = 0; round < Rounds; round++)
            {
                while (!budget.TryAcquire(ticket))
                {
                    Assert.True(await turn.WaitAsync(TimeSpan.FromSeconds(30)), "nobody called");
                }

                budget.Return(ticket, used: true);
                budget.Add(Pull);
                if (round % 16 == 0)
                {
                    await Task.Yield();
                }

                budget.Remove(Pull);
            }
        })));

        Assert.Equal((0, 0), (budget.Used, budget.Waiting));
    }

    private sealed class TestQueue
    {
        private readonly SharedQuota _budget;
        private readonly QuotaWaiter _ticket;

        public TestQueue(SharedQuota budget)
        {
            _budget = budget;
            _ticket = new QuotaWaiter(budget, Pull, () => Calls++);
        }

        public int Calls { get; private set; }

        public long Held { get; private set; }

        public bool Waits => _ticket.Node is not null || _ticket.Called;

        public bool TryPull()
        {
            if (!_budget.TryAcquire(_ticket))
            {
                return false;
            }

            _budget.Return(_ticket, used: true);
            _budget.Add(Pull);
            Held += Pull;
            return true;
        }

        public void Complete(long amount)
        {
            Held -= amount;
            _budget.Remove(amount);
        }

        public void Leave() => _budget.Return(_ticket, used: false);
    }
}

using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Management;

/// <summary>Queues go to the silos an operator wants them on, and nothing is lost or repeated on the way.</summary>
public sealed class PlacementTests
{
    [Theory]
    [InlineData(Mode.Concurrent)]
    [InlineData(Mode.Orderly)]
    [InlineData(Mode.KeyOrdered)]
    public async Task A_queue_goes_where_an_operator_wants_it_and_back_when_it_is_released(Mode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await using var cluster = await rocketmq.ConsumeAsync(mode, _ => Task.CompletedTask, silos: 2);
        var management = rocketmq.Management(cluster);
        await UntilSharesAsync(cluster, rocketmq, 2, 2);
        var (queue, target) = (await OfSiloAsync(management, Silo(cluster, 0)), Silo(cluster, 1));
        await rocketmq.SendAsync(40);

        await management.MoveQueueAsync(queue.Queue, target);

        Assert.Equal(3, Queues(cluster, rocketmq, 1));
        await rocketmq.SendAsync(40, first: 40);
        await rocketmq.UntilCommittedAsync(80);
        var status = (await management.GetStatusAsync()).Queues.Single(moved => moved.Queue == queue.Queue);
        Assert.Equal((target, target, false, false), (status.Silo, status.PinnedTo, status.IsPinIgnored, status.IsMoving));
        Assert.Equal(mode == Mode.Orderly ? QueueLockState.Held : QueueLockState.None, status.Lock);
        Assert.Equal(2, rocketmq.Broker.ClientsOf(rocketmq.MyGroup).Distinct().Count());
        Assert.Equal(mode == Mode.Orderly ? status.Owner : null, rocketmq.Broker.LockHolder(rocketmq.MyGroup, TestRocketMQ.Topic, queue.Queue.QueueId));

        await management.ReleaseQueueAsync(queue.Queue);
        await UntilSharesAsync(cluster, rocketmq, 2, 2);
        await rocketmq.SendAsync(40, first: 80);
        await rocketmq.UntilCommittedAsync(120);
        Assert.DoesNotContain((await management.GetStatusAsync()).Queues, other => other.PinnedTo.Length > 0);
        Assert.Equal(TestRocketMQ.Numbers(120), rocketmq.Recorder.Bodies.Order());
    }

    [Fact]
    public async Task A_pin_survives_a_silo_that_joins_and_ends_with_the_silo_it_names()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 6);
        await using var cluster = await rocketmq.ConsumeAsync(silos: 2);
        var management = rocketmq.Management(cluster);
        await UntilSharesAsync(cluster, rocketmq, 3, 3);
        var target = Silo(cluster, 1);
        foreach (var id in Enumerable.Range(0, 6))
        {
            await management.MoveQueueAsync(rocketmq.Queue(id), target);
        }

        await UntilSharesAsync(cluster, rocketmq, 0, 6);
        await cluster.Silos.StartAdditionalSiloAsync();
        await Eventually.TrueAsync(async () => (await management.GetStatusAsync()).ClientIds.Count == 3, "the third silo is a member");
        await rocketmq.SendAsync(60);
        await rocketmq.UntilCommittedAsync(60);
        Assert.Equal(6, Queues(cluster, rocketmq, 1));

        await cluster.Silos.StopSiloAsync(cluster.Silos.Silos[1]);
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup).Select(Count).Order().SequenceEqual([3, 3]), "the others share the queues");

        // The settings may have been on the silo that stopped; then the others bring them back.
        await Eventually.TrueAsync(
            async () => (await management.GetStatusAsync()).Queues.Where(queue => queue.Queue.Topic == TestRocketMQ.Topic).All(queue => queue is { IsPinIgnored: true, IsMoving: false }),
            "all pins are told to be ignored");

        // With the next change what concerns a silo that is gone is forgotten.
        await management.MoveQueueAsync(rocketmq.Queue(0), Silo(cluster, 0));
        Assert.Single((await management.GetStatusAsync()).Queues, queue => queue.PinnedTo.Length > 0);
        await rocketmq.SendAsync(60, first: 60);
        await rocketmq.UntilCommittedAsync(120);
        Assert.Equal(TestRocketMQ.Numbers(120), rocketmq.Recorder.Bodies.Order());
    }

    [Theory]
    [InlineData(Mode.Concurrent)]
    [InlineData(Mode.Orderly)]
    public async Task A_drained_silo_has_no_queues_until_it_is_restored_or_nobody_else_is_left(Mode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 6);
        await using var cluster = await rocketmq.ConsumeAsync(mode, _ => Task.CompletedTask, silos: 3);
        var management = rocketmq.Management(cluster);
        await UntilSharesAsync(cluster, rocketmq, 2, 2, 2);
        await rocketmq.SendAsync(30);

        Assert.Empty(await management.DrainSiloAsync(Silo(cluster, 0)));

        Assert.Empty(cluster.StatusOf(rocketmq.MyGroup)[0].Queues);
        await UntilSharesAsync(cluster, rocketmq, 0, 3, 3);
        await Assert.ThrowsAsync<RocketMQValidationException>(() => management.MoveQueueAsync(rocketmq.Queue(0), Silo(cluster, 0)));
        Assert.Empty(await management.DrainSiloAsync(Silo(cluster, 1)));
        await UntilSharesAsync(cluster, rocketmq, 0, 0, 6);
        var last = await Assert.ThrowsAsync<ConsumerStateException>(() => management.DrainSiloAsync(Silo(cluster, 2)));
        Assert.Contains("run by no other silo", last.Message, StringComparison.Ordinal);
        Assert.Equal([true, true, false], Enumerable.Range(0, 3).Select(silo => Silo(cluster, silo)).Select((await DrainedAsync(management)).Contains));

        await management.RestoreSiloAsync(Silo(cluster, 1));
        await UntilSharesAsync(cluster, rocketmq, 0, 3, 3);
        await rocketmq.SendAsync(30, first: 30);
        await rocketmq.UntilCommittedAsync(60);

        foreach (var silo in cluster.Silos.Silos.Skip(1).ToArray())
        {
            await cluster.Silos.StopSiloAsync(silo);
        }

        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup) is [var one] && Count(one) == 6, "the last silo has all, drained or not");
        await rocketmq.SendAsync(30, first: 60);
        await rocketmq.UntilCommittedAsync(90);
        Assert.Equal(TestRocketMQ.Numbers(90), rocketmq.Recorder.Bodies.Order());
    }

    [Fact]
    public async Task A_drain_waits_for_running_listeners()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        var goOn = new TaskCompletionSource();
        await using var cluster = await rocketmq.ConsumeAsync(Mode.Concurrent, _ => goOn.Task, silos: 2);
        var management = rocketmq.Management(cluster);
        await UntilSharesAsync(cluster, rocketmq, 1, 1);
        await rocketmq.SendAsync(2);
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup).All(silo => silo.Queues.Sum(queue => queue.InFlight) == 1), "both silos work");

        var draining = management.DrainSiloAsync(Silo(cluster, 0));
        await ModesOfConsuming.StaysAsync(() => !draining.IsCompleted);
        goOn.SetResult();

        Assert.Empty(await draining);
        await rocketmq.UntilCommittedAsync(2);
        Assert.Equal(TestRocketMQ.Numbers(2), rocketmq.Recorder.Bodies.Order());
    }

    [Fact]
    public async Task Queues_of_other_programs_unknown_queues_and_unknown_silos_are_refused()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await using var cluster = await rocketmq.ConsumeAsync();
        var management = rocketmq.Management(cluster);
        rocketmq.Client.RegisterConsumer(
            rocketmq.MyGroup,
            () => new ConsumerData
            {
                GroupName = rocketmq.MyGroup,
                ConsumeFromWhere = ConsumerDataValues.FromFirstOffset,
                SubscriptionDataSet = [SubscriptionData.From(TestRocketMQ.Topic, MessageSelector.All, 1)],
            },
            [TestRocketMQ.Topic]);
        await UntilSharesAsync(cluster, rocketmq, 2);
        var theirs = (await management.GetStatusAsync()).Queues.First(queue => queue.Silo.Length == 0);

        var refused = await Assert.ThrowsAsync<RebalanceException>(() => management.MoveQueueAsync(theirs.Queue, Silo(cluster, 0)));
        Assert.Contains(rocketmq.Client.ClientId, refused.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<RebalanceException>(() => management.SeekAsync(ConsumerScope.OfQueue(theirs.Queue), SeekTarget.Begin));
        var queue = await Assert.ThrowsAsync<RocketMQValidationException>(() => management.MoveQueueAsync(rocketmq.Queue(9), Silo(cluster, 0)));
        Assert.Contains("Queue is", queue.Message, StringComparison.Ordinal);
        var mine = (await management.GetStatusAsync()).Queues.First(queue => queue.Silo.Length > 0);
        var silo = await Assert.ThrowsAsync<RocketMQValidationException>(() => management.MoveQueueAsync(mine.Queue, "nowhere"));
        Assert.Contains($"Silo is 'nowhere', expected one that runs group '{rocketmq.MyGroup}' and is not drained: {Silo(cluster, 0)}", silo.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<RocketMQValidationException>(() => management.DrainSiloAsync("nowhere"));
        await Assert.ThrowsAsync<RocketMQValidationException>(() => management.RestoreSiloAsync("nowhere"));
        await Assert.ThrowsAsync<ConsumerStateException>(() => management.DrainSiloAsync(Silo(cluster, 0)));
    }

    [Fact]
    public async Task A_group_whose_members_all_get_everything_has_nothing_to_move()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await rocketmq.ConsumeAsync(configure: options => options.MessageModel = MessageModel.Broadcasting);

        await Assert.ThrowsAsync<ConsumerStateException>(() => rocketmq.Management(cluster).MoveQueueAsync(rocketmq.Queue(0), Silo(cluster, 0)));
        await Assert.ThrowsAsync<ConsumerStateException>(() => rocketmq.Management(cluster).DrainSiloAsync(Silo(cluster, 0)));
    }

    private static string Silo(TestCluster cluster, int number) => cluster.Silos.Silos[number].SiloAddress.ToParsableString();

    private static async Task<QueueStatus> OfSiloAsync(IConsumerGroupManagementGrain management, string silo)
        => (await management.GetStatusAsync()).Queues.First(queue => queue.Queue.Topic == TestRocketMQ.Topic && queue.Silo == silo);

    private static async Task<IReadOnlyList<string>> DrainedAsync(IConsumerGroupManagementGrain management)
        => [.. (await management.GetStatusAsync()).Silos.Where(silo => silo.IsDrained).Select(silo => silo.Silo)];

    private static int Count(OrleansRocketMQ.Statistics.SiloGroupStatus silo)
        => silo.Queues.Count(queue => queue.Queue.Topic == TestRocketMQ.Topic && queue.NextPullOffset >= 0);

    private static int Queues(TestCluster cluster, TestRocketMQ rocketmq, int silo) => Count(cluster.StatusOf(rocketmq.MyGroup)[silo]);

    private static Task UntilSharesAsync(TestCluster cluster, TestRocketMQ rocketmq, params int[] shares) => Eventually.TrueAsync(
        () => cluster.StatusOf(rocketmq.MyGroup).Select(Count).SequenceEqual(shares),
        () => $"the silos have {string.Join(", ", shares)} queues; they have {string.Join(", ", cluster.StatusOf(rocketmq.MyGroup).Select(Count))}");
}

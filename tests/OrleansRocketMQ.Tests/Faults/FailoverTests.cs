using System.Collections.Concurrent;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>
/// The master of a broker set becomes another one while groups consume: by a controller, with the old one dead or alive as a slave,
/// or a slave acts as master. Consuming goes on, in order, no offset falls, nothing is lost.
/// </summary>
public sealed class FailoverTests
{
    private static readonly EmbeddedRocketMQOptions Controlled = TestRocketMQ.QuickRetries with { Slaves = 1 };

    private static readonly EmbeddedRocketMQOptions Acting = Controlled with { SlaveReadEnable = true, SlaveActingMaster = true };

    /// <summary>How the master changes.</summary>
    public enum Change
    {
        /// <summary>The old one lives on as a slave.</summary>
        SwitchOver,

        /// <summary>The old one crashes.</summary>
        Crash,
    }

    [Theory]
    [InlineData(Change.SwitchOver)]
    [InlineData(Change.Crash)]
    public async Task Concurrent_messages_all_come_through_a_change_of_master(Change change)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4, Controlled);
        await using var cluster = await rocketmq.ConsumeAsync(silos: 2);
        await rocketmq.SendAsync(40);
        await rocketmq.UntilAllCameAsync(40);

        await ChangeAsync(rocketmq, change);
        await rocketmq.SendAsync(40, first: 40);

        await rocketmq.UntilAllCameAsync(80);
        await rocketmq.UntilCommittedAsync(80);
        Assert.Equal(TestRocketMQ.Numbers(80), rocketmq.Recorder.Bodies.Distinct().Order());
    }

    [Fact]
    public async Task A_pull_that_waits_at_the_old_master_which_lives_on_is_given_up()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, Controlled);
        await using var cluster = await rocketmq.ConsumeAsync(configure: options => options.PullSuspendTimeout = TimeSpan.FromMinutes(4));
        await rocketmq.SendAsync(1);
        await rocketmq.UntilCommittedAsync(1);
        await Eventually.TrueAsync(() => rocketmq.Broker.HeldPulls == 2, "pulls wait at the master");

        await ChangeAsync(rocketmq, Change.SwitchOver);
        await rocketmq.SendAsync(1, first: 1);

        await rocketmq.UntilAllCameAsync(2);
        Assert.Equal(2, rocketmq.Recorder.Count);
    }

    [Theory]
    [InlineData(Change.SwitchOver)]
    [InlineData(Change.Crash)]
    public async Task A_master_that_has_not_heard_of_an_offset_is_told_although_nothing_comes(Change change)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, Controlled);
        await using var cluster = await rocketmq.ConsumeAsync();
        await rocketmq.SendAsync(10);
        await rocketmq.UntilCommittedAsync(10);

        await ChangeAsync(rocketmq, change);

        // The new one had what was replicated, which was nothing: slaves ask each minute.
        await rocketmq.UntilCommittedAsync(10);
        await rocketmq.SendAsync(1, first: 10);
        await rocketmq.UntilCommittedAsync(11);
        Assert.Equal(11, rocketmq.Recorder.Count);
    }

    [Theory]
    [InlineData(Change.SwitchOver)]
    [InlineData(Change.Crash)]
    public async Task An_ordered_queue_goes_on_in_order_and_is_locked_at_the_new_master(Change change)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2, Controlled);
        var recorder = new OrderlyRecorder();
        await using var cluster = await OrderlyCluster.ConsumeAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            TestRocketMQ.Topic,
            recorder.Then((messages, context) => messages[0].QueueOffset % 7 == 3 && context.ReconsumeTimes == 0
                ? ConsumeOrderlyResult.SuspendCurrentQueue
                : ConsumeOrderlyResult.Success));
        await rocketmq.SendAsync(40);
        await recorder.UntilSucceededAsync(20);
        var holder = rocketmq.Broker.LockHolder(rocketmq.MyGroup, TestRocketMQ.Topic, 0);
        Assert.NotNull(holder);

        await ChangeAsync(rocketmq, change);
        await rocketmq.SendAsync(20, first: 40);

        await recorder.UntilSucceededAsync(60);
        foreach (var queue in recorder.Deliveries.Where(delivery => delivery.Result == ConsumeOrderlyResult.Success).GroupBy(delivery => delivery.Queue))
        {
            Assert.Equal(queue.Select(delivery => delivery.Message.QueueOffset).Order(), queue.Select(delivery => delivery.Message.QueueOffset));
        }

        await Eventually.TrueAsync(
            () => Enumerable.Range(0, 2).All(id => rocketmq.Broker.LockHolder(rocketmq.MyGroup, TestRocketMQ.Topic, id) == holder), "the locks are taken at the new master");
        await rocketmq.UntilCommittedAsync(60);
    }

    [Theory]
    [InlineData(Change.SwitchOver)]
    [InlineData(Change.Crash)]
    public async Task Each_keys_messages_stay_in_order(Change change)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4, Controlled);
        var history = new KeyHistory(repeatsAllowed: true);
        var keys = Enumerable.Range(0, 10).Select(number => $"key-{number}").ToArray();
        await using var cluster = await ScriptedKeyedListener.ConsumeAsync(
            rocketmq.Embedded.NameServerAddress, rocketmq.MyGroup, TestRocketMQ.Topic, history.Script(), silos: 2);
        await KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, keys, first: 0, count: 5);

        await ChangeAsync(rocketmq, change);
        await KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, keys, first: 5, count: 5);

        await Eventually.TrueAsync(() => history.Succeeded == 100 || history.Violation is not null, () => $"100 successes; there are {history.Succeeded}");
        Assert.Null(history.Violation);
    }

    [Theory]
    [InlineData(Change.SwitchOver)]
    [InlineData(Change.Crash)]
    public async Task Each_member_of_a_broadcasting_group_goes_on(Change change)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2, Controlled);
        await using var cluster = await rocketmq.ConsumeAsync(configure: options => options.MessageModel = MessageModel.Broadcasting, silos: 2);
        await rocketmq.SendAsync(10);
        await rocketmq.Recorder.UntilAsync(20);

        await ChangeAsync(rocketmq, change);
        await rocketmq.SendAsync(10, first: 10);

        await rocketmq.Recorder.UntilAsync(40);
        Assert.All(rocketmq.Recorder.Bodies.GroupBy(body => body), same => Assert.Equal(2, same.Count()));
    }

    [Fact]
    public async Task What_fails_after_a_change_of_master_comes_again_from_the_new_one()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, Controlled);
        var changed = new TaskCompletionSource();
        var again = new ConcurrentQueue<string>();
        await using var cluster = await rocketmq.ConsumeAsync(async (messages, _, _) =>
        {
            await changed.Task;
            if (messages[0].ReconsumeTimes == 0)
            {
                return ConsumeResult.ReconsumeLater;
            }

            again.Enqueue(TestRocketMQ.Text(messages[0]));
            return ConsumeResult.Success;
        });
        await rocketmq.SendAsync(5);
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Sum(queue => queue.CachedMessages) == 5, "all were pulled from the old one");

        await ChangeAsync(rocketmq, Change.SwitchOver);
        changed.SetResult();

        // What nobody takes while the silo has yet to learn of the new master stays, and fails once more before it comes again.
        await Eventually.TrueAsync(() => again.Count >= 5, () => $"5 that come again; there are {string.Join(' ', again)}");
        await rocketmq.UntilCommittedAsync(5);
        Assert.Equal(["0", "1", "2", "3", "4"], again.Order());
    }

    [Fact]
    public async Task While_a_slave_acts_as_master_it_is_read_locked_and_told_offsets_and_the_master_knows_them_when_it_is_back()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2, Acting);
        var recorder = new OrderlyRecorder();
        var open = new TaskCompletionSource();
        await using var cluster = await OrderlyCluster.ConsumeAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            TestRocketMQ.Topic,
            async (messages, context, _) =>
            {
                await open.Task;
                recorder.Record(messages, context, ConsumeOrderlyResult.Success);
                return ConsumeOrderlyResult.Success;
            });
        await rocketmq.SendAsync(60);
        var slave = Assert.Single(rocketmq.Broker.Slaves);

        await rocketmq.Broker.StopAsync();
        var route = await rocketmq.Client.Routes.RefreshAsync(TestRocketMQ.Topic);
        Assert.Equal(slave.Address, rocketmq.Client.Routes.FindAddress("broker-a", onlyThisBroker: true)?.Address);
        Assert.Empty(route.WriteQueues);
        open.SetResult();
        await recorder.UntilSucceededAsync(60);
        await Eventually.TrueAsync(
            () => Enumerable.Range(0, 2).Sum(id => slave.CommittedOffset(rocketmq.MyGroup, TestRocketMQ.Topic, id) ?? 0) == 60, "the slave is told the offsets");

        await rocketmq.Broker.StartAsync();
        Assert.Equal(60, rocketmq.Committed());
        await rocketmq.Client.Routes.RefreshAsync(TestRocketMQ.Topic);
        await rocketmq.SendAsync(20, first: 60);
        await recorder.UntilSucceededAsync(80);
        await rocketmq.UntilCommittedAsync(80);
        foreach (var queue in recorder.Deliveries.GroupBy(delivery => delivery.Queue))
        {
            Assert.Equal(queue.Select(delivery => delivery.Message.QueueOffset).Order(), queue.Select(delivery => delivery.Message.QueueOffset));
        }
    }

    private static async Task ChangeAsync(TestRocketMQ rocketmq, Change change)
    {
        if (change == Change.Crash)
        {
            await rocketmq.Broker.StopAsync(unregister: false);
        }

        var slave = Assert.Single(rocketmq.Broker.Slaves);
        var (old, next) = (rocketmq.Broker.Address, slave.Address);
        await rocketmq.Broker.FailOverAsync(slave);
        Assert.Equal((next, old), (rocketmq.Broker.Address, slave.Address));
        Assert.Equal((true, change == Change.SwitchOver), (rocketmq.Broker.IsRunning, slave.IsRunning));
        await rocketmq.Client.Routes.RefreshAsync(TestRocketMQ.Topic);
    }
}

using OrleansRocketMQ.Cluster.Load;
using OrleansRocketMQ.Cluster.Processes;
using OrleansRocketMQ.Embedded;
using Xunit.Abstractions;

namespace OrleansRocketMQ.Cluster;

/// <summary>
/// A silo whose listener hangs on one message of each queue is killed, in a process of its own, under load. The commit stands
/// still at that message; what was done behind it is known from checkpoints, or it is not.
/// </summary>
public sealed class CheckpointTests(ITestOutputHelper output)
{
    private const int Queues = 16;

    // Half of what a queue may be ahead of its oldest message, in half of the queues.
    private const int MuchBehind = Queues / 2 * 1000;

    [Fact]
    public async Task With_checkpoints_the_survivors_repeat_no_more_than_what_was_done_since_the_last_one()
    {
        var (behind, outcome) = await KillAsync("hanging_kept", TimeSpan.FromMilliseconds(200));

        Assert.Equal(0, outcome.Lost);
        Assert.InRange(outcome.Duplicates, 0, behind / 2);
    }

    [Fact]
    public async Task Without_them_everything_behind_the_message_that_hangs_comes_again()
    {
        var (behind, outcome) = await KillAsync("hanging_unkept", TimeSpan.Zero);

        Assert.Equal(0, outcome.Lost);
        Assert.InRange(outcome.Duplicates, behind / 2, int.MaxValue);
    }

    /// <summary>
    /// On a machine that stands still for seconds the others may take the silo for dead before it is killed, and go on behind the
    /// messages that hang. Then nothing of this has been tried.
    /// </summary>
    private async Task<(int Behind, Outcome Outcome)> KillAsync(string group, TimeSpan interval)
    {
        var tried = await KillOnceAsync($"{group}_1", interval);
        for (var attempt = 2; attempt <= 3 && tried.Behind <= MuchBehind; attempt++)
        {
            tried = await KillOnceAsync($"{group}_{attempt}", interval);
        }

        return tried;
    }

    private async Task<(int Behind, Outcome Outcome)> KillOnceAsync(string group, TimeSpan interval)
    {
        using var state = new TestFolder();
        await using var rocketmq = await EmbeddedRocketMQ.StartAsync();
        rocketmq.CreateTopic(SteadyLoad.Topic, Queues);
        await using var primary = await PrimarySilo.StartAsync();
        string[] words = [$"state={state.Path}", $"checkpoint={interval:c}"];
        await using var hanging = await NodeProcess.StartAsync(rocketmq.NameServerAddress, group, primary.Address, successes: null, [.. words, "hold"]);
        await using var other = await NodeProcess.StartAsync(rocketmq.NameServerAddress, group, primary.Address, successes: null, words);
        var log = DeliveryLog.Of(group);
        await using var load = new SteadyLoad(rocketmq, LoadedCluster.MessagesPerSecond);

        await Eventually.TrueAsync(
            () => log.CountBehind(Committed(rocketmq, group), hanging.Name) > MuchBehind,
            () => $"enough is done behind the messages that hang; it is {log.CountBehind(Committed(rocketmq, group), hanging.Name)}");
        await hanging.KillAsync();
        var behind = log.CountBehind(Committed(rocketmq, group), hanging.Name);
        await load.StopAsync();
        await Eventually.TrueAsync(
            () => Committed(rocketmq, group).All(queue => queue.Value == rocketmq.Broker.MaxOffset(SteadyLoad.Topic, queue.Key)),
            () => $"everything is committed; {log.Compare(rocketmq.Brokers)}");
        var outcome = log.Compare(rocketmq.Brokers);
        output.WriteLine($"checkpoints each {interval}: {behind} messages done and not committed at the kill, {outcome}");
        return (behind, outcome);
    }

    private static Dictionary<int, long> Committed(EmbeddedRocketMQ rocketmq, string group)
        => Enumerable.Range(0, Queues).ToDictionary(queue => queue, queue => rocketmq.Broker.CommittedOffset(group, SteadyLoad.Topic, queue) ?? 0);
}

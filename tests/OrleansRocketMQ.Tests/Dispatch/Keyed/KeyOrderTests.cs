using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Dispatch.Keyed;

/// <summary>A thousand keys keep their order whatever happens; see <see cref="KeyHistory"/> for what that means.</summary>
public sealed class KeyOrderTests
{
    private static readonly string[] Keys = [.. Enumerable.Range(0, 1000).Select(number => $"key-{number}")];

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task A_thousand_keys_keep_their_order_while_messages_fail_at_random(int batchSize)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 8);
        var history = new KeyHistory();
        await KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, Keys, first: 0, count: 4);
        await using var cluster = await ConsumeAsync(rocketmq, history, configure: options => options.ConsumeBatchSize = batchSize);

        await UntilAsync(history, 4000);
        await rocketmq.UntilCommittedAsync(4000);

        Assert.Null(history.Violation);
        Assert.Equal(0, history.Repeats);
        Assert.True(cluster.StatusOf(rocketmq.MyGroup)[0].Failed > 100);
    }

    [Fact]
    public async Task A_thousand_keys_keep_their_order_while_a_silo_joins_and_another_stops()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 8);
        var history = new KeyHistory(repeatsAllowed: true);
        await using var cluster = await ConsumeAsync(rocketmq, history, silos: 2);

        await KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, Keys, first: 0, count: 1);
        var sending = KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, Keys, first: 1, count: 4);
        await cluster.Silos.StartAdditionalSiloAsync();
        await cluster.Silos.StopSiloAsync(cluster.Silos.Silos[1]);
        await sending;

        await UntilAsync(history, 5000);
        await rocketmq.UntilCommittedAsync(5000);
        Assert.Null(history.Violation);
    }

    private static Task<TestCluster> ConsumeAsync(TestRocketMQ rocketmq, KeyHistory history, short silos = 1, Action<ConsumerOptions>? configure = null)
    {
        // A tenth of the attempts fails: which ones, the key, the number and the attempt decide.
        var attempts = new System.Collections.Concurrent.ConcurrentDictionary<(string Key, int Number), int>();
        return KeyOrderedTests.ConsumeAsync(
            rocketmq,
            history.Script(
                fails: (key, message) =>
                {
                    var number = KeyHistory.NumberOf(message);
                    var attempt = attempts.AddOrUpdate((key, number), 1, static (_, known) => known + 1);
                    return ((key.GetHashCode(StringComparison.Ordinal) * 31) + (number * 17) + (attempt * 13)) % 10 == 0;
                },
                work: async () => await Task.Yield()),
            configure,
            silos);
    }

    private static Task UntilAsync(KeyHistory history, int count) => Eventually.TrueAsync(
        () => history.Succeeded == count || history.Violation is not null,
        () => $"{count} successes; there are {history.Succeeded}");
}

using Microsoft.Extensions.DependencyInjection;
using Orleans;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Health;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Failures;

/// <summary>Consuming pauses by itself, on all silos, when too many messages fail.</summary>
public sealed class CircuitBreakerTests
{
    private bool _isGood;

    [Fact]
    public async Task It_pauses_all_silos_tries_some_messages_and_goes_on_when_they_succeed()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await ConsumeAsync(rocketmq, CircuitBreakerScope.Group);
        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        await rocketmq.SendAsync(40);

        var breaker = await UntilOpenAsync(management);
        Assert.Null(breaker.Topic);
        Assert.True(breaker.Failed >= 10, $"{breaker}");
        await Eventually.TrueAsync(
            () => cluster.StatusOf(rocketmq.MyGroup).All(status => status.Queues.All(queue => queue.IsPaused)), "all queues of both silos are paused");
        Assert.Contains(Troubles(cluster, rocketmq), trouble => trouble.Contains("circuit breaker", StringComparison.Ordinal));

        // Bad as ever: it stays open for longer.
        await Eventually.TrueAsync(async () => (await management.GetFlowAsync()).Breakers is [{ Openings: > 1 }], "a trial has failed");

        Volatile.Write(ref _isGood, true);
        await rocketmq.UntilCommittedAsync(40);
        await Eventually.TrueAsync(async () => (await management.GetFlowAsync()).Breakers.Count == 0, "it is closed");
        Assert.DoesNotContain(Troubles(cluster, rocketmq), trouble => trouble.Contains("circuit breaker", StringComparison.Ordinal));
    }

    [Fact]
    public async Task It_ends_no_pause_of_an_operator_and_no_operator_ends_it_by_resuming()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await ConsumeAsync(rocketmq, CircuitBreakerScope.Group);
        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        await rocketmq.SendAsync(40);
        await UntilOpenAsync(management);

        await management.PauseAsync(ConsumerScope.OfTopic(TestRocketMQ.Topic));
        await management.ResumeAsync(ConsumerScope.Everything);
        Assert.NotEmpty((await management.GetFlowAsync()).Breakers);

        // Messages that come again are enough for the trial.
        Volatile.Write(ref _isGood, true);
        await Eventually.TrueAsync(async () => (await management.GetFlowAsync()).Breakers.Count == 0, "it is closed");
        Assert.Equal([ConsumerScope.OfTopic(TestRocketMQ.Topic)], (await management.GetFlowAsync()).Paused);

        await rocketmq.SendAsync(1, first: 40);
        await management.ResumeAsync(ConsumerScope.OfTopic(TestRocketMQ.Topic));
        await rocketmq.UntilCommittedAsync(41);
    }

    [Fact]
    public async Task One_of_a_topic_leaves_the_others_alone()
    {
        const string Other = "payments";
        await using var rocketmq = await TestRocketMQ.StartAsync();
        rocketmq.Embedded.CreateTopic(Other, 2);
        await using var cluster = await ConsumeAsync(
            rocketmq, CircuitBreakerScope.Topic, options => options.Subscriptions[Other] = MessageSelector.ByTag(null), isBad: messages => messages[0].Topic == TestRocketMQ.Topic);
        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        await rocketmq.SendAsync(40);

        await Eventually.TrueAsync(
            async () => (await management.GetFlowAsync()).Breakers.Any(breaker => breaker.Topic == TestRocketMQ.Topic), "the topic's breaker is open");
        await rocketmq.Producer.SendAsync(new Message(Other, "fine"u8.ToArray()));

        await Eventually.TrueAsync(() => rocketmq.Committed(Other) == 1, "the other topic goes on");
        Assert.DoesNotContain((await management.GetFlowAsync()).Breakers, breaker => breaker.Topic == Other);
    }

    private static async Task<BreakerStatus> UntilOpenAsync(IConsumerGroupManagementGrain management)
    {
        BreakerStatus? open = null;
        await Eventually.TrueAsync(
            async () => (open = (await management.GetFlowAsync()).Breakers.FirstOrDefault(breaker => !breaker.IsTrial)) is not null, "the breaker is open");
        return open!;
    }

    private static IEnumerable<string> Troubles(TestCluster cluster, TestRocketMQ rocketmq)
        => cluster.Silos.Silos.SelectMany(silo => GroupHealth.Of(
            cluster.Silos.GetSiloServiceProvider(silo.SiloAddress).GetRequiredService<ConsumerRegistry>().Find(rocketmq.MyGroup)!, DateTimeOffset.UtcNow).Troubles);

    private Task<TestCluster> ConsumeAsync(
        TestRocketMQ rocketmq, CircuitBreakerScope scope, Action<ConsumerOptions>? configure = null, Func<MessageBatch, bool>? isBad = null)
        => rocketmq.ConsumeAsync(
            rocketmq.Recorder.Then((messages, _) => !Volatile.Read(ref _isGood) && isBad?.Invoke(messages) != false
                ? throw new TimeoutException("the warehouse does not answer")
                : ConsumeResult.Success),
            options =>
            {
                options.CircuitBreaker = scope;
                (options.BreakerLeastMessages, options.BreakerTrialMessages) = (10, 3);
                options.BreakerOpenTime = TimeSpan.FromSeconds(2);
                options.MaxReconsumeTimes = 1000;
                configure?.Invoke(options);
            },
            silos: 2);
}

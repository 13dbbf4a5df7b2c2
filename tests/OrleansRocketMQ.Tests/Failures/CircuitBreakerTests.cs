using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Health;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Management;
using OrleansRocketMQ.Tests.Effects;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Failures;

/// <summary>Consuming pauses by itself, on all silos, when too many messages fail.</summary>
public sealed class CircuitBreakerTests
{
    private readonly KeepingLog _log = new();
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
        await UntilAllPausedAsync(cluster, rocketmq);
        Assert.Contains(Troubles(cluster, rocketmq), IsOfBreaker);

        // Bad as ever: it stays open for longer.
        await Eventually.TrueAsync(async () => (await management.GetFlowAsync()).Breakers is [{ Openings: > 1 }], "a trial has failed");

        Volatile.Write(ref _isGood, true);
        await rocketmq.UntilCommittedAsync(40);
        await Eventually.TrueAsync(async () => (await management.GetFlowAsync()).Breakers.Count == 0, "it is closed");
        Assert.DoesNotContain(Troubles(cluster, rocketmq), IsOfBreaker);
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

    [Fact]
    public async Task It_opens_and_closes_though_it_cannot_be_stored_and_is_stored_when_it_can()
    {
        var storage = new JsonStorage { OnWrite = name => name == "flow" ? Writing.Fails : Writing.Succeeds };
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await ConsumeAsync(rocketmq, CircuitBreakerScope.Group, prepare: storage.Keep);
        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        await rocketmq.SendAsync(40);
        await UntilOpenAsync(management);
        await UntilAllPausedAsync(cluster, rocketmq);

        Volatile.Write(ref _isGood, true);
        await rocketmq.UntilCommittedAsync(40);
        await Eventually.TrueAsync(async () => (await management.GetFlowAsync()).Breakers.Count == 0, "it is closed");
        Volatile.Write(ref _isGood, false);
        await rocketmq.SendAsync(40, first: 40);
        await UntilOpenAsync(management);
        storage.OnWrite = _ => Writing.Succeeds;

        await Eventually.TrueAsync(
            () => storage.All<GroupSettingsState>("flow").Values.Any(state => state.Breakers.Length > 0), "the open breaker is stored");
    }

    [Fact]
    public async Task While_nobody_can_be_asked_each_silo_decides_by_itself_and_lifts_no_pause()
    {
        var isAway = false;
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        await using var cluster = await ConsumeAsync(
            rocketmq, CircuitBreakerScope.Group, prepare: builder => builder.Services.AddSingleton<IOutgoingGrainCallFilter>(new NoSettings(() => isAway)));
        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
        var paused = new MessageQueue(TestRocketMQ.Topic, rocketmq.Broker.Name, 0);
        await management.PauseAsync(ConsumerScope.OfQueue(paused));
        isAway = true;

        await rocketmq.SendAsync(120);
        await Eventually.TrueAsync(() => Troubles(cluster, rocketmq).Count(IsOfBreaker) == 2, "both silos have opened theirs, and say so");
        Volatile.Write(ref _isGood, true);
        await rocketmq.SendAsync(120, first: 120);

        await Eventually.TrueAsync(() => rocketmq.Committed(TestRocketMQ.Topic) == 180, () => $"180 of 240; there are {rocketmq.Committed(TestRocketMQ.Topic)}");
        await Eventually.TrueAsync(() => !Troubles(cluster, rocketmq).Any(IsOfBreaker), "both are closed");
        isAway = false;
        await management.ResumeAsync(ConsumerScope.OfQueue(paused));
        await rocketmq.UntilCommittedAsync(240);
    }

    [Fact]
    public async Task What_a_silo_has_opened_by_itself_it_tells_as_soon_as_it_can()
    {
        var isAway = true;
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await ConsumeAsync(
            rocketmq,
            CircuitBreakerScope.Group,
            options => options.BreakerOpenTime = TimeSpan.FromMinutes(5),
            prepare: builder => builder.Services.AddSingleton<IOutgoingGrainCallFilter>(new NoSettings(() => isAway)));
        await rocketmq.SendAsync(80);
        await Eventually.TrueAsync(() => Troubles(cluster, rocketmq).Any(IsOfBreaker), "a silo has opened its own");

        isAway = false;

        await UntilOpenAsync(cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup));
        await UntilAllPausedAsync(cluster, rocketmq);
    }

    [Fact]
    public async Task A_silo_that_has_decided_alone_goes_by_what_the_cluster_has_decided_meanwhile_from_its_first_answer_on()
    {
        var lost = Lost.Nothing;
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeAsync(
            configure: options =>
            {
                options.CircuitBreaker = CircuitBreakerScope.Group;
                options.BreakerOpenTime = TimeSpan.FromMinutes(5);
            },
            prepare: builder => builder.Services.AddLogging(logging => logging.AddProvider(_log))
                .AddSingleton<IOutgoingGrainCallFilter>(new LostSettings(() => lost)));
        var runtime = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress)
            .GetRequiredService<ConsumerRegistry>().Find(rocketmq.MyGroup)!;
        lost = Lost.Everything;
        await Eventually.TrueAsync(() => _log.Count("this silo decides alone") > 0, "the silo decides alone");
        await cluster.Silos.Client.GetGrain<IGroupSettingsGrain>(rocketmq.MyGroup).ReportOutcomesAsync(
            [new(TestRocketMQ.Topic, Succeeded: 0, Failed: 1000)], BreakerSettings.Of(runtime.Options), []);
        Assert.Empty(runtime.Flow.Breakers);

        lost = Lost.AllButAnswersToReports;

        await Eventually.TrueAsync(() => runtime.Flow.Breakers is [{ IsTrial: false }], "it knows of the breaker that was opened without it");
    }

    private static bool IsOfBreaker(string trouble) => trouble.Contains("circuit breaker", StringComparison.Ordinal);

    private static Task UntilAllPausedAsync(TestCluster cluster, TestRocketMQ rocketmq) => Eventually.TrueAsync(
        () => cluster.StatusOf(rocketmq.MyGroup).All(status => status.Queues.All(queue => queue.IsPaused)), "all queues of both silos are paused");

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
        TestRocketMQ rocketmq, CircuitBreakerScope scope, Action<ConsumerOptions>? configure = null, Func<MessageBatch, bool>? isBad = null, Action<RocketMQBuilder>? prepare = null)
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
            silos: 2,
            prepare: prepare);

    private enum Lost
    {
        Nothing,
        Everything,
        AllButAnswersToReports,
    }

    /// <summary>Loses what silos and the group's settings say to each other.</summary>
    private sealed class LostSettings(Func<Lost> lost) : IOutgoingGrainCallFilter
    {
        public Task Invoke(IOutgoingGrainCallContext context)
        {
            var isAnswer = context.InterfaceMethod.Name is nameof(IGroupSettingsGrain.ReportOutcomesAsync) or nameof(IGroupSettingsGrain.GetAsync);
            var isOfThem = context.InterfaceMethod.DeclaringType is { } type && (type == typeof(IGroupSettingsGrain) || type == typeof(IGroupAgent));
            return isOfThem && lost() is var now && now != Lost.Nothing && (now == Lost.Everything || !isAnswer)
                ? throw new TimeoutException("lost")
                : context.Invoke();
        }
    }

    /// <summary>Takes the group's settings away from silos: their questions and reports are lost.</summary>
    private sealed class NoSettings(Func<bool> isAway) : IOutgoingGrainCallFilter
    {
        public Task Invoke(IOutgoingGrainCallContext context) => isAway() && context.InterfaceMethod.DeclaringType == typeof(IGroupSettingsGrain)
            ? throw new TimeoutException("lost")
            : context.Invoke();
    }
}

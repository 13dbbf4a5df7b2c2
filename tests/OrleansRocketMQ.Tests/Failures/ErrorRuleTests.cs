using System.Collections.Concurrent;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Typed;

namespace OrleansRocketMQ.Tests.Failures;

/// <summary>What becomes of messages by the exception on which their listener fails, in every way of consuming.</summary>
public sealed class ErrorRuleTests
{
    private readonly ConcurrentQueue<(int Number, int ReconsumeTimes, long At)> _calls = new();

    public static TheoryData<HandlerMode> Modes => new(HandlerMode.Concurrent, HandlerMode.Orderly, HandlerMode.KeyOrdered);

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_message_is_tried_here_again_as_often_as_the_rule_says_and_that_is_one_attempt(HandlerMode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendOrdersAsync(1);
        await using var cluster = await ConsumeAsync(
            rocketmq,
            mode,
            (_, _) => _calls.Count < 2 ? new TimeoutException("not yet") : null,
            consumer => consumer.OnError<TimeoutException>(rule => rule.RetryHere(5, TimeSpan.FromMilliseconds(20))));

        await rocketmq.UntilCommittedAsync(1);

        Assert.Equal([0, 0, 0], _calls.Select(call => call.ReconsumeTimes));
        Assert.Empty(rocketmq.Broker.Messages(rocketmq.RetryTopic));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task When_that_does_not_help_the_message_is_a_dead_letter_at_once(HandlerMode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendOrdersAsync(1, 2);
        await using var cluster = await ConsumeAsync(
            rocketmq,
            mode,
            (order, _) => order.Number == 1 ? new FormatException("bad order") : null,
            consumer => consumer.OnError<FormatException>(rule => rule.RetryHere(2, TimeSpan.FromMilliseconds(10)).Then.DeadLetter()));

        await rocketmq.UntilCommittedAsync(2);

        Assert.Equal([1, 1, 1, 2], _calls.Select(call => call.Number).Order());
        var letter = Assert.Single(rocketmq.DeadLetters());
        Assert.Equal(("bad order", "1"), (letter.GetProperty(MessageProperties.DeadLetterReason), letter.GetProperty(MessageProperties.DeadLetterAttempts)));
    }

    [Theory]
    [InlineData(HandlerMode.Orderly)]
    [InlineData(HandlerMode.KeyOrdered)]
    public async Task In_order_later_means_that_the_queue_or_key_is_held_exactly_that_long(HandlerMode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendOrdersAsync(1, 2);
        var later = TimeSpan.FromSeconds(1.5);
        await using var cluster = await ConsumeAsync(
            rocketmq,
            mode,
            (order, context) => order.Number == 1 && context.ReconsumeTimes == 0 ? new TimeoutException("later") : null,
            consumer => consumer.OnError<TimeoutException>(rule => rule.RetryLater(later)));

        await rocketmq.UntilCommittedAsync(2);

        var calls = _calls.ToArray();
        Assert.Equal([(1, 0), (1, 1), (2, 0)], calls.Select(call => (call.Number, call.ReconsumeTimes)));
        Assert.True(TimeProvider.System.GetElapsedTime(calls[0].At, calls[1].At) >= later);
        Assert.Empty(rocketmq.Broker.Messages(rocketmq.RetryTopic));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task In_no_order_later_means_that_time_and_without_timers_the_delay_level_that_is_not_shorter(bool timers)
    {
        var options = TestRocketMQ.QuickRetries with { TimerWheelEnable = timers };
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, options);
        await rocketmq.SendOrdersAsync(1);
        await using var cluster = await ConsumeAsync(
            rocketmq,
            HandlerMode.Concurrent,
            (_, context) => context.ReconsumeTimes == 0 ? new TimeoutException("later") : null,
            consumer => consumer.OnError<TimeoutException>(rule => rule.RetryLater(TimeSpan.FromSeconds(4))));

        await Eventually.TrueAsync(() => _calls.Count == 2, "it comes again");

        var again = Assert.Single(rocketmq.Broker.Messages(rocketmq.RetryTopic));
        Assert.Equal(timers ? null : "2", again.GetProperty(MessageProperties.DelayTimeLevel));
        var calls = _calls.ToArray();
        Assert.True(!timers || TimeProvider.System.GetElapsedTime(calls[0].At, calls[1].At) >= TimeSpan.FromSeconds(4));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_queue_that_stops_keeps_its_message_says_why_and_goes_on_when_it_is_resumed(HandlerMode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendOrdersAsync(1, 2, 3);
        var isGood = false;
        await using var cluster = await ConsumeAsync(
            rocketmq,
            mode,
            (order, _) => order.Number == 2 && !Volatile.Read(ref isGood) ? new InvalidDataException("the ledger does not add up") : null,
            consumer => consumer.OnError<InvalidDataException>(rule => rule.Stop()));
        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);

        QueueStatus? stopped = null;
        await Eventually.TrueAsync(
            async () => (stopped = (await management.GetStatusAsync()).Queues.Single(queue => queue.Queue.Topic == TestRocketMQ.Topic)).HasFailed && stopped.IsPaused,
            "the queue stands still");
        Assert.Contains("the ledger does not add up", stopped!.LastError, StringComparison.Ordinal);
        await rocketmq.SendOrdersAsync(4);
        Assert.Empty(rocketmq.DeadLetters());
        Assert.Empty(rocketmq.Broker.Messages(rocketmq.RetryTopic));
        Assert.DoesNotContain(4, _calls.Select(call => call.Number));

        Volatile.Write(ref isGood, true);
        await management.ResumeAsync(ConsumerScope.Everything);
        await rocketmq.UntilCommittedAsync(4);

        Assert.Equal([1, 2, 3, 4], _calls.Select(call => call.Number).Distinct().Order());
        Assert.False((await management.GetStatusAsync()).Queues.Single(queue => queue.Queue.Topic == TestRocketMQ.Topic).HasFailed);
    }

    [Fact]
    public async Task The_first_rule_that_fits_decides_by_class_predicate_and_topic()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendOrdersAsync(1, 2, 3, 4);
        await using var cluster = await ConsumeAsync(
            rocketmq,
            HandlerMode.Concurrent,
            (order, _) => order.Number switch
            {
                1 => new ArgumentNullException("one"),
                2 => new ArgumentException("two"),
                3 => new TimeoutException("three"),
                _ => null,
            },
            consumer => consumer
                .OnError<ArgumentException>(rule => rule.OfTopic("other").Stop())
                .OnError<ArgumentException>(rule => rule.When(_ => throw new InvalidOperationException("a rule that fails does not fit")).Stop())
                .OnError<ArgumentException>(rule => rule.When(exception => exception.ParamName == "one").RetryHere(1, TimeSpan.FromMilliseconds(1)).Then.DeadLetter())
                .OnError<Exception>(rule => rule.DeadLetter()));

        await rocketmq.UntilCommittedAsync(4);

        Assert.Equal([1, 1, 2, 3, 4], _calls.Select(call => call.Number).Order());
        Assert.Equal(3, rocketmq.DeadLetters().Count);
    }

    [Fact]
    public async Task Rules_come_from_configuration_by_the_name_of_the_class_behind_those_of_code()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendOrdersAsync(1, 2);
        var section = $"RocketMQ:Consumers:{rocketmq.MyGroup}:ErrorRules";
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            [$"{section}:0:Exception"] = nameof(ArgumentException),
            [$"{section}:0:RetryHere"] = "2",
            [$"{section}:0:Backoff"] = "00:00:00.010",
            [$"{section}:0:Then"] = nameof(ErrorAction.DeadLetter),
        }).Build();
        await using var cluster = await ConsumeAsync(
            rocketmq,
            HandlerMode.Concurrent,
            (order, _) => order.Number == 1 ? new ArgumentNullException(nameof(order)) : null,
            _ => { },
            builder => builder.Services.AddSingleton<IConfiguration>(configuration));

        await rocketmq.UntilCommittedAsync(2);

        Assert.Equal(3, _calls.Count(call => call.Number == 1));
        Assert.Single(rocketmq.DeadLetters());
    }

    [Fact]
    public void A_rule_for_an_exception_that_nobody_knows_is_told_of_when_the_silo_starts()
    {
        using var log = new KeepingLog();
        using var factory = LoggerFactory.Create(logging => logging.AddProvider(log));
        var options = new ConsumerOptions { Group = "billing" };
        string?[] names = ["TimeoutException", "System.FormatException", nameof(RocketMQConfigurationException), null, "TimeOutException"];
        foreach (var name in names)
        {
            options.ErrorRules.Add(new() { Exception = name });
        }

        _ = new ErrorPolicies([options], SiloRuntime.Of(TimeProvider.System), factory.CreateLogger<ErrorPolicies>());

        var line = Assert.Single(log.Lines);
        Assert.Contains("Error rule 4 of group billing is for exceptions named TimeOutException", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Waits_double_up_to_the_longest_and_leave_a_part_to_chance()
    {
        var rule = new ErrorRule { Backoff = TimeSpan.FromSeconds(1), MaxBackoff = TimeSpan.FromSeconds(5), Jitter = 0 };
        Assert.Equal([1, 2, 4, 5, 5], Enumerable.Range(1, 5).Select(attempt => rule.WaitBefore(attempt, new Random(1)).TotalSeconds));

        rule.Jitter = 0.5;
        var random = new Random(1);
        var waits = Enumerable.Range(0, 100).Select(_ => rule.WaitBefore(2, random).TotalSeconds).ToArray();
        Assert.All(waits, wait => Assert.InRange(wait, 1, 2));
        Assert.True(waits.Distinct().Count() > 50);
    }

    [Fact]
    public void A_rule_with_a_value_out_of_range_is_refused_by_name()
    {
        var options = new ConsumerOptions { Group = "g" };
        options.ErrorRules.Add(new());
        options.ErrorRules.Add(new() { Jitter = 1.5 });

        var refused = Assert.Throws<RocketMQConfigurationException>(() => options.ErrorRules[1].Check("RocketMQ:Consumers:g:ErrorRules:1"));
        Assert.Contains("ErrorRules:1:Jitter", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_rule_whose_exception_is_a_blank_is_refused_since_it_would_fit_none()
    {
        var refused = Assert.Throws<RocketMQConfigurationException>(
            () => new ErrorRule { Exception = " " }.Check("RocketMQ:Consumers:g:ErrorRules:0"));

        Assert.Equal("RocketMQ:Consumers:g:ErrorRules:0:Exception", refused.Field);
        new ErrorRule { Exception = null }.Check("RocketMQ:Consumers:g:ErrorRules:0");
    }

    private Task<TestCluster> ConsumeAsync(
        TestRocketMQ rocketmq,
        HandlerMode mode,
        Func<OrderPlaced, MessageContext, Exception?> fail,
        Action<ConsumerBuilder> configure,
        Action<RocketMQBuilder>? prepare = null)
        => rocketmq.ConsumeValuesAsync(
            consumer =>
            {
                consumer
                    .Handle<OrderPlaced>(TestRocketMQ.Topic, async (message, context, _) =>
                    {
                        var exception = fail(message.Value, context);
                        _calls.Enqueue((message.Value.Number, context.ReconsumeTimes, TimeProvider.System.GetTimestamp()));
                        await Task.Yield();
                        if (exception is not null)
                        {
                            throw exception;
                        }
                    })
                    .Configure(options => options.HandlerMode = mode);
                configure(consumer);
            },
            prepare: prepare);
}

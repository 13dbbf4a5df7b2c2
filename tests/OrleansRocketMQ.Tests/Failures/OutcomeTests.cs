using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Telemetry;
using OrleansRocketMQ.Testing;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Orderly;
using OrleansRocketMQ.Tests.Telemetry;
using OrleansRocketMQ.Tests.Typed;

namespace OrleansRocketMQ.Tests.Failures;

/// <summary>What listeners say of single messages, whatever the result of their call.</summary>
public sealed class OutcomeTests
{
    private readonly OrderlyRecorder _recorder = new();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task In_no_order_each_message_of_a_batch_has_the_outcome_that_was_said_of_it(bool timers)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, TestRocketMQ.QuickRetries with { TimerWheelEnable = timers });
        await rocketmq.SendAsync(4);
        var said = 0L;
        await using var cluster = await rocketmq.ConsumeAsync(
            rocketmq.Recorder.Then((messages, context) =>
            {
                foreach (var message in messages.Where(message => message.ReconsumeTimes == 0))
                {
                    if (message.QueueOffset == 1)
                    {
                        context.Reject(message, "no such customer");
                    }
                    else if (message.QueueOffset == 2)
                    {
                        said = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
                        context.RetryAfter(message, TimeSpan.FromSeconds(1.5));
                    }
                }

                return ConsumeResult.Success;
            }),
            options => options.ConsumeBatchSize = 4);

        await rocketmq.Recorder.UntilAsync(5);
        await rocketmq.UntilCommittedAsync(4);

        var again = rocketmq.Recorder.Deliveries.Single(delivery => delivery.Message.ReconsumeTimes > 0);
        Assert.Equal(("2", timers ? null : "2"), (again.Body, again.Message.GetProperty(MessageProperties.DelayTimeLevel)));
        if (timers)
        {
            Assert.True(again.Message.DeliverTimestamp >= said + 1500, $"said at {said}, to come at {again.Message.DeliverTimestamp}");
            Assert.True(again.Message.StoreTimestamp >= again.Message.DeliverTimestamp);
            Assert.Equal(1, again.Message.ReconsumeTimes);
        }

        await Eventually.TrueAsync(() => rocketmq.DeadLetters().Count == 1, "a dead letter");
        Assert.Equal(("1", "no such customer"), LetterOf(rocketmq));
        Assert.Equal(5, rocketmq.Recorder.Count);
    }

    [Fact]
    public async Task What_was_said_counts_though_the_call_fails()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(2);
        await using var cluster = await rocketmq.ConsumeAsync(
            rocketmq.Recorder.Then((messages, context) =>
            {
                if (messages[0].ReconsumeTimes > 0)
                {
                    return ConsumeResult.Success;
                }

                context.Reject(messages[0], "bad");
                throw new InvalidOperationException("and nothing else worked");
            }),
            options => options.ConsumeBatchSize = 2);
        using var probe = MetricsProbe.On(cluster);

        await rocketmq.UntilCommittedAsync(2);
        await rocketmq.Recorder.UntilAsync(3);

        Assert.Equal(["0", "1", "1"], rocketmq.Recorder.Bodies.Order());
        Assert.Equal(("0", "bad"), LetterOf(rocketmq));
    }

    [Fact]
    public async Task In_order_a_rejected_message_is_filed_before_its_queue_goes_on_and_nothing_comes_again()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(6);
        var filedBefore = new List<int>();
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            _recorder.Then((messages, context) =>
            {
                filedBefore.Add(rocketmq.DeadLetters().Count);
                foreach (var message in messages.Where(message => message.QueueOffset == 1))
                {
                    context.Reject(message, "no such customer");
                }

                return ConsumeOrderlyResult.Success;
            }),
            options => options.ConsumeBatchSize = 3);

        await rocketmq.UntilCommittedAsync(6);

        Assert.Equal(["0", "1", "2", "3", "4", "5"], _recorder.Bodies);
        Assert.Equal([0, 1], filedBefore);
        Assert.Equal(("1", "no such customer"), LetterOf(rocketmq));
        Assert.Equal((5, 1), (cluster.StatusOf(rocketmq.MyGroup)[0].Consumed, cluster.StatusOf(rocketmq.MyGroup)[0].Failed));
    }

    [Fact]
    public async Task In_order_the_queue_is_held_exactly_as_long_as_was_said_and_nothing_goes_to_the_retry_topic()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(4);
        var hold = TimeSpan.FromMilliseconds(1500);
        var (said, again) = (0L, 0L);
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            _recorder.Then((messages, context) =>
            {
                if (messages.FirstOrDefault(message => message.QueueOffset == 1) is { } message)
                {
                    if (said == 0)
                    {
                        said = TimeProvider.System.GetTimestamp();
                        context.RetryAfter(message, hold);
                    }
                    else
                    {
                        again = TimeProvider.System.GetTimestamp();
                    }
                }

                return ConsumeOrderlyResult.Success;
            }),
            options => (options.ConsumeBatchSize, options.SuspendCurrentQueueTime) = (3, TimeSpan.FromSeconds(20)));

        await rocketmq.UntilCommittedAsync(4);

        // The first is done; the second and those behind it come again, in order.
        Assert.Equal(["0", "1", "2", "1", "2", "3"], _recorder.Bodies);
        Assert.InRange(TimeProvider.System.GetElapsedTime(said, again), hold, TimeSpan.MaxValue);
        Assert.Empty(rocketmq.Broker.Messages(rocketmq.RetryTopic));
        Assert.Equal(1, _recorder.Deliveries.Last(delivery => delivery.Body == "1").ReconsumeTimes);
    }

    [Fact]
    public async Task By_key_a_rejected_message_is_filed_and_the_rest_of_its_batch_is_done()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(5, prepare: message => message.ShardingKey = "a");
        await using var cluster = await ConsumeByKeyAsync(rocketmq, (messages, context) =>
        {
            foreach (var message in messages.Where(message => message.QueueOffset == 1))
            {
                context.Reject(message, "no such customer");
            }
        });

        await rocketmq.UntilCommittedAsync(5);

        Assert.Equal(["0", "1", "2", "3", "4"], rocketmq.Recorder.Bodies);
        Assert.Equal(("1", "no such customer"), LetterOf(rocketmq));
    }

    [Fact]
    public async Task By_key_the_key_is_held_exactly_as_long_as_was_said_and_others_go_on()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(3, prepare: message => message.ShardingKey = "a");
        await rocketmq.SendAsync(1, first: 3, prepare: message => message.ShardingKey = "b");
        var hold = TimeSpan.FromMilliseconds(1500);
        var (said, again) = (0L, 0L);
        var hasOtherGoneOn = false;
        await using var cluster = await ConsumeByKeyAsync(rocketmq, (messages, context) =>
        {
            if (messages.Any(message => message.QueueOffset == 3))
            {
                Volatile.Write(ref hasOtherGoneOn, true);
            }

            if (messages.FirstOrDefault(message => message.QueueOffset == 0) is not { } message)
            {
                return;
            }

            if (said == 0)
            {
                said = TimeProvider.System.GetTimestamp();
            }
            else if (again == 0)
            {
                again = TimeProvider.System.GetTimestamp();
            }

            // Held as often as it takes, on a busy machine more than once: the other key goes on meanwhile, or this never ends.
            if (again == 0 || !Volatile.Read(ref hasOtherGoneOn))
            {
                context.RetryAfter(message, hold);
            }
        });

        await rocketmq.UntilCommittedAsync(4);

        Assert.InRange(TimeProvider.System.GetElapsedTime(said, again), hold, TimeSpan.MaxValue);
        Assert.Equal(["0", "1", "2"], rocketmq.Recorder.Bodies.Where(body => body != "3").TakeLast(3));
        Assert.Empty(rocketmq.Broker.Messages(rocketmq.RetryTopic));
    }

    [Theory]
    [InlineData(HandlerMode.Concurrent)]
    [InlineData(HandlerMode.Orderly)]
    [InlineData(HandlerMode.KeyOrdered)]
    public async Task A_handler_says_it_of_its_message(HandlerMode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var calls = new System.Collections.Concurrent.ConcurrentQueue<(int Number, int Attempt)>();
        await rocketmq.SendOrdersAsync(1, 2, 3);
        await using var cluster = await rocketmq.ConsumeValuesAsync(consumer => consumer
            .Handle<OrderPlaced>(TestRocketMQ.Topic, (message, context, _) =>
            {
                calls.Enqueue((message.Value.Number, context.ReconsumeTimes));
                if (message.Value.Number == 1)
                {
                    context.Reject("no such customer");
                    throw new InvalidOperationException("rejected all the same");
                }

                if (message.Value.Number == 2 && context.ReconsumeTimes == 0)
                {
                    context.RetryAfter(TimeSpan.FromMilliseconds(200));
                    Assert.Equal(TimeSpan.FromMilliseconds(200), context.Outcome!.Value.RetryAfter);
                }

                return Task.CompletedTask;
            })
            .Configure(options => options.HandlerMode = mode));

        await rocketmq.UntilCommittedAsync(3);
        await Eventually.TrueAsync(() => calls.Count == 4, () => $"four calls: {string.Join(' ', calls)}");

        Assert.Equal([(1, 0), (2, 0), (2, 1), (3, 0)], calls.Order());
        Assert.Equal("no such customer", Assert.Single(rocketmq.DeadLetters()).GetProperty(MessageProperties.DeadLetterReason));
        if (mode != HandlerMode.Concurrent)
        {
            Assert.Equal([1, 2, 2, 3], calls.Select(call => call.Number));
        }
    }

    [Fact]
    public void A_word_without_a_reason_or_with_a_negative_time_is_refused_and_the_last_word_counts()
    {
        var message = TestMessages.At(3);
        var context = new ConsumeContext("g", new("T", "b", 0));
        Assert.Throws<ArgumentException>(() => context.Reject(message, " "));
        Assert.Throws<ArgumentOutOfRangeException>(() => context.RetryAfter(message, TimeSpan.FromTicks(-1)));
        Assert.Null(context.OutcomeOf(message));

        context.Reject(message, "bad");
        context.RetryAfter(message, TimeSpan.FromSeconds(1));
        Assert.Equal(new MessageOutcome(null, TimeSpan.FromSeconds(1)), context.OutcomeOf(message));
        Assert.Null(context.OutcomeOf(TestMessages.At(4)));
    }

    [Fact]
    public void A_time_that_no_timer_takes_counts_as_40_days()
    {
        var (message, queue) = (TestMessages.At(3), new MessageQueue("T", "broker-a", 0));
        var context = new ConsumeContext("g", queue);

        context.RetryAfter(message, TimeSpan.MaxValue);

        Assert.Equal(TimeSpan.FromDays(40), context.OutcomeOf(message)?.RetryAfter);
    }

    private static Task<TestCluster> ConsumeByKeyAsync(TestRocketMQ rocketmq, Action<MessageBatch, ConsumeContext> say)
        => ScriptedKeyedListener.ConsumeAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            TestRocketMQ.Topic,
            (_, messages, context, _) =>
            {
                rocketmq.Recorder.Record(messages, context);
                say(messages, context);
                return new(ConsumeResult.Success);
            },
            consumer => consumer.Configure(options => (options.ConsumeBatchSize, options.PersistInterval) = (3, TimeSpan.FromMilliseconds(20))),
            setUp: builder => DeclaredListeners.HideIn(builder.Services));

    private static (string Body, string? Reason) LetterOf(TestRocketMQ rocketmq)
    {
        var letter = Assert.Single(rocketmq.DeadLetters());
        return (TestRocketMQ.Text(letter), letter.GetProperty(MessageProperties.DeadLetterReason));
    }
}

using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Telemetry;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>Something fails in the middle of a run where nothing should. What the run had is nobody else's, so it must not stay with it.</summary>
public sealed class SlotFaultTests
{
    public enum Mode
    {
        Concurrent,
        InOrder,
        ByKey,
    }

    /// <summary>A log that cannot be written is such a thing: a provider may throw.</summary>
    [Theory]
    [InlineData(Mode.Concurrent)]
    [InlineData(Mode.InOrder)]
    [InlineData(Mode.ByKey)]
    public async Task What_a_run_had_that_failed_on_its_way_comes_again_and_its_queue_goes_on(Mode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        using var log = new FailingLog();
        rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.SystemError) with { RequestCode = RequestCodes.ConsumerSendMessageBack });
        rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.MessageIllegal) with { When = target => target.Request["b"] == rocketmq.RetryTopic });
        await rocketmq.SendAsync(6, prepare: message => message.ShardingKey = "k");
        await using var cluster = await ConsumeAsync(rocketmq, mode, log);

        await Eventually.TrueAsync(() => log.Failures > 0, "the log failed");
        rocketmq.Faults.Clear();
        await rocketmq.UntilCommittedAsync(6);

        Assert.Equal(TestRocketMQ.Numbers(6), rocketmq.Recorder.Bodies.Distinct().Order());
    }

    [Theory]
    [InlineData(Mode.Concurrent)]
    [InlineData(Mode.InOrder)]
    [InlineData(Mode.ByKey)]
    public async Task A_listener_of_the_meter_that_fails_changes_nothing(Mode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        using var log = new WarningLog();
        using var meters = new MeterListener();
        meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == RocketMQTelemetry.MeterName)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        meters.SetMeasurementEventCallback<long>((_, _, tags, _) => FailFor(rocketmq.MyGroup, tags));
        meters.SetMeasurementEventCallback<double>((_, _, tags, _) => FailFor(rocketmq.MyGroup, tags));
        meters.Start();
        await rocketmq.SendAsync(6, prepare: message => message.ShardingKey = "k");
        await using var cluster = await ConsumeAsync(rocketmq, mode, log);

        await rocketmq.UntilCommittedAsync(6);

        await rocketmq.Recorder.UntilAsync(6 + Again(mode));
        Assert.Equal(6 + Again(mode), rocketmq.Recorder.Count);
        Assert.Single(log.Lines, line => line.Contains("A listener of the meter failed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_listener_of_the_meter_that_fails_does_not_fail_sends()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        using var log = new WarningLog();
        using var loggers = LoggerFactory.Create(logging => logging.AddProvider(log));
        await using var producer = new Producer(rocketmq.Client, new ProducerOptions { Group = "measured" }, loggers);
        var topic = $"measured_{rocketmq.MyGroup}";
        rocketmq.Embedded.CreateTopic(topic, 1);
        using var meters = new MeterListener();
        meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == RocketMQTelemetry.MeterName)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        meters.SetMeasurementEventCallback<long>((_, _, tags, _) => FailFor(topic, tags));
        meters.SetMeasurementEventCallback<double>((_, _, tags, _) => FailFor(topic, tags));
        meters.Start();

        await producer.SendAsync(new Message(topic, "1"u8.ToArray()));
        await producer.SendAsync(new Message(topic, "2"u8.ToArray()));

        Assert.Equal(2, rocketmq.Broker.Messages(topic).Count);
        Assert.Single(log.Lines, line => line.Contains("A listener of the meter failed at messaging.client.sent.messages. Sends go on", StringComparison.Ordinal));
    }

    // Where there is an order the first attempt is the last here; otherwise the broker brings the message that failed once more.
    private static int Again(Mode mode) => mode == Mode.Concurrent ? 1 : 0;

    private static void FailFor(string mine, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        foreach (var tag in tags)
        {
            if (tag.Value as string == mine)
            {
                throw new InvalidOperationException("the exporter is broken");
            }
        }
    }

    private static Task<TestCluster> ConsumeAsync(TestRocketMQ rocketmq, Mode mode, ILoggerProvider log)
    {
        return mode switch
        {
            Mode.Concurrent => rocketmq.ConsumeAsync(
                rocketmq.Recorder.Then((messages, _) => IsBad(messages) ? ConsumeResult.ReconsumeLater : ConsumeResult.Success), Quick(most: 1), prepare: SetUp),
            Mode.InOrder => OrderlyCluster.ConsumeAsync(
                rocketmq.Embedded.NameServerAddress,
                rocketmq.MyGroup,
                TestRocketMQ.Topic,
                (messages, context, _) =>
                {
                    rocketmq.Recorder.Record(messages, new ConsumeContext(context.Group, context.Queue));
                    return ValueTask.FromResult(IsBad(messages) ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success);
                },
                Quick(most: 0),
                setUp: SetUp),
            _ => ScriptedKeyedListener.ConsumeAsync(
                rocketmq.Embedded.NameServerAddress,
                rocketmq.MyGroup,
                TestRocketMQ.Topic,
                (_, messages, context, _) =>
                {
                    rocketmq.Recorder.Record(messages, context);
                    return ValueTask.FromResult(IsBad(messages) ? ConsumeResult.ReconsumeLater : ConsumeResult.Success);
                },
                consumer => consumer.Configure(Quick(most: 0)),
                setUp: SetUp),
        };

        bool IsBad(MessageBatch messages) => TestRocketMQ.Text(messages[0]) == "1" && messages[0].ReconsumeTimes == 0;

        static Action<ConsumerOptions> Quick(int most) => options =>
        {
            options.MaxReconsumeTimes = most;
            options.ConsumeBatchSize = 1;
            options.PersistInterval = options.RetryInterval = TimeSpan.FromMilliseconds(50);
        };

        void SetUp(RocketMQBuilder builder)
        {
            DeclaredListeners.HideIn(builder.Services);
            builder.Services.AddSingleton(log);
        }
    }

    /// <summary>Fails, once each, where a message that could not be handed back is told of.</summary>
    private sealed class FailingLog : ILoggerProvider, ILogger
    {
        private readonly HashSet<int> _failing = [111, 112, 115];
        private int _failures;

        public int Failures => Volatile.Read(ref _failures);

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (_failing)
            {
                if (_failing.Remove(eventId.Id))
                {
                    _failures++;
                    throw new IOException("the disk of the log is full");
                }
            }
        }

        public void Dispose()
        {
        }
    }
}

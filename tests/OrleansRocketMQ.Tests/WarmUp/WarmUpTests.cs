using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Telemetry;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Telemetry;
using OrleansRocketMQ.WarmUp;

namespace OrleansRocketMQ.Tests.WarmUp;

/// <summary>What a silo does before its groups begin, so that queues that move to it need not wait for its compiler.</summary>
public sealed class WarmUpTests
{
    private const string HasWarmed = "Warmed up in";
    private const string HasNot = "Not warm after";
    private const string HasStarted = "has started";

    [Fact]
    public async Task A_silo_that_joins_others_takes_over_and_consumes_a_queue_in_memory_before_its_groups_begin()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        using var log = new KeepingLog();
        var calls = new Calls();
        await using var cluster = await ConsumeAsync(rocketmq, log, calls);

        await cluster.Silos.StartAdditionalSiloAsync();
        await StartedAsync(log, silos: 2);

        // The second silo's lines only: the first was alone.
        var lines = log.Lines.SkipWhile(line => !line.Contains(HasStarted, StringComparison.Ordinal)).Skip(1).ToList();
        Assert.InRange(lines.FindIndex(line => line.Contains(HasWarmed, StringComparison.Ordinal)), 0, lines.FindIndex(line => line.Contains(HasStarted, StringComparison.Ordinal)));

        // Offset 1 is done by what came along.
        Assert.Equal([0, 2, 3, 4, 5], calls.Offsets);
    }

    [Fact]
    public async Task A_silo_that_is_alone_begins_at_once()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        using var log = new KeepingLog();
        var calls = new Calls();

        await using var cluster = await ConsumeAsync(rocketmq, log, calls);

        Assert.Equal(0, log.Count(HasWarmed) + log.Count(HasNot));
        Assert.Empty(calls.Offsets);
    }

    [Fact]
    public async Task A_silo_that_is_told_so_does_not_warm_up()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        using var log = new KeepingLog();
        var calls = new Calls();
        await using var cluster = await ConsumeAsync(rocketmq, log, calls, timeout: TimeSpan.Zero);

        await cluster.Silos.StartAdditionalSiloAsync();
        await StartedAsync(log, silos: 2);

        Assert.Equal(0, log.Count(HasWarmed) + log.Count(HasNot));
        Assert.Empty(calls.Offsets);
    }

    [Fact]
    public async Task A_silo_begins_all_the_same_when_another_one_does_not_answer_it()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        using var log = new KeepingLog();
        var answers = new TaskCompletionSource();
        var calls = new Calls { Before = () => answers.Task };
        await using var cluster = await ConsumeAsync(rocketmq, log, calls, timeout: TimeSpan.FromSeconds(1));

        await cluster.Silos.StartAdditionalSiloAsync();
        await StartedAsync(log, silos: 2);

        // Told when what it leaves is put away, which the group does not wait for.
        await Eventually.TrueAsync(() => log.Count(HasNot) == 1, "the warm-up has told that it gave up");
        answers.SetResult();
    }

    [Fact]
    public async Task A_silo_that_gets_no_queue_from_another_one_warms_up_with_one_that_begins_here()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        using var log = new KeepingLog();
        var refused = 0;
        var calls = new Calls
        {
            Before = () => Interlocked.Increment(ref refused) == 1 ? Task.FromException(new NotSupportedException("not now")) : Task.CompletedTask,
        };
        await using var cluster = await ConsumeAsync(rocketmq, log, calls);

        await cluster.Silos.StartAdditionalSiloAsync();
        await StartedAsync(log, silos: 2);

        Assert.Equal(1, log.Count(HasWarmed));
        Assert.Contains(WarmUpGroup.Messages - 1, calls.Offsets);
    }

    [Fact]
    public async Task Nothing_of_a_warm_up_is_counted_traced_logged_or_listed()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        using var log = new KeepingLog();
        using var activities = new ActivityProbe();
        var tags = new ConcurrentQueue<object?>();
        using var meters = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == RocketMQTelemetry.MeterName)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        void Note<T>(Instrument instrument, T value, ReadOnlySpan<KeyValuePair<string, object?>> tagged, object? state)
        {
            foreach (var (_, tag) in tagged)
            {
                tags.Enqueue(tag);
            }
        }

        meters.SetMeasurementEventCallback<long>(Note);
        meters.SetMeasurementEventCallback<double>(Note);
        meters.Start();
        var calls = new Calls();
        await using var cluster = await ConsumeAsync(rocketmq, log, calls);
        await cluster.Silos.StartAdditionalSiloAsync();
        await StartedAsync(log, silos: 2);
        meters.RecordObservableInstruments();
        await rocketmq.SendAsync(20);
        await Eventually.TrueAsync(() => rocketmq.Recorder.Count >= 20, "the group consumes");

        Assert.NotEmpty(calls.Offsets);
        Assert.Contains(rocketmq.MyGroup, tags);
        Assert.DoesNotContain(WarmUpGroup.Name, tags);
        Assert.NotEmpty(activities.Ended);
        Assert.DoesNotContain(activities.Ended, activity => Equals(activity.GetTagItem(MessagingAttributes.ConsumerGroup), WarmUpGroup.Name));
        Assert.DoesNotContain(log.Lines, line => line.Contains(WarmUpGroup.Name, StringComparison.Ordinal));
        Assert.Empty(cluster.StatusOf(WarmUpGroup.Name));
    }

    private static async Task<TestCluster> ConsumeAsync(TestRocketMQ rocketmq, KeepingLog log, Calls calls, TimeSpan? timeout = null)
    {
        var cluster = await rocketmq.ConsumeAsync(
            setUp: options => options.WarmUpTimeout = timeout ?? TimeSpan.FromMinutes(1),
            prepare: builder =>
            {
                builder.Services.AddSingleton<IIncomingGrainCallFilter>(calls);
                builder.Services.AddLogging(logging => logging
                    .AddProvider(log)
                    .AddFilter(typeof(SiloWarmUp).FullName, LogLevel.Debug)
                    .AddFilter("OrleansRocketMQ", LogLevel.Information));
            });
        await StartedAsync(log, silos: 1);
        return cluster;
    }

    private static Task StartedAsync(KeepingLog log, int silos) => Eventually.TrueAsync(
        () => log.Count(HasStarted) == silos, () => $"{silos} silos have started the group, not {log.Count(HasStarted)}");

    /// <summary>Calls of grains for the sake of a warm-up.</summary>
    private sealed class Calls : IIncomingGrainCallFilter
    {
        private readonly ConcurrentQueue<long> _offsets = new();

        /// <summary>What a silo does before it answers who wants the queue.</summary>
        public Func<Task> Before { get; init; } = () => Task.CompletedTask;

        /// <summary>The messages that the listener was given, in order.</summary>
        public IEnumerable<long> Offsets => _offsets;

        public async Task Invoke(IIncomingGrainCallContext context)
        {
            if (context.MethodName == nameof(IMessageQueueGrain.EnsureStartedAsync)
                && QueueGrainKey.Parse(context.TargetId.Key.ToString()!).Group == WarmUpGroup.Name)
            {
                await Before();
            }
            else if (context.MethodName == nameof(IListenerRunner.RunAsync)
                && context.Request.GetArgument(0) is DispatchBatch { Group: WarmUpGroup.Name } run)
            {
                foreach (var message in run.Messages)
                {
                    _offsets.Enqueue(message.QueueOffset);
                }
            }

            await context.Invoke();
        }
    }
}

using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.TestKit.Tests;

/// <summary>What the test kit promises beside the example.</summary>
public sealed class TestKitTests
{
    private readonly ConcurrentQueue<string> _came = new();

    [Fact]
    public async Task Everything_sent_is_consumed_and_committed_when_the_wait_ends()
    {
        await using var kit = await StartAsync();

        for (var number = 0; number < 40; number++)
        {
            await kit.SendAsync("orders", $"{number}");
        }

        await kit.UntilConsumedAsync("billing");

        Assert.Equal(40, _came.Count);
        Assert.Equal(40, Enumerable.Range(0, 4).Sum(queue => kit.Embedded.Broker.CommittedOffset("billing", "orders", queue)));
    }

    [Fact]
    public async Task The_wait_does_not_end_while_a_message_waits_to_be_tried_again()
    {
        // One round may end well by chance; the moments between a failure and the next attempt are looked at again and again.
        var failures = new ConcurrentDictionary<string, int>();
        await using var kit = await StartAsync((message, _) =>
        {
            if (failures.AddOrUpdate(Text(message), 1, (_, count) => count + 1) < 4)
            {
                throw new InvalidOperationException("Not yet.");
            }

            _came.Enqueue(Text(message));
            return Task.CompletedTask;
        });

        for (var round = 0; round < 10; round++)
        {
            await kit.SendAsync("orders", $"{round}");
            await kit.UntilConsumedAsync("billing");
            Assert.Equal(round + 1, _came.Count);
        }
    }

    [Fact]
    public async Task The_wait_covers_messages_that_are_delayed_or_not_of_the_groups_tags()
    {
        // Long after everything else is committed.
        await using var kit = await StartAsync(configure: consumer => consumer.Subscribe("orders", "wanted"), options: new() { Embedded = new() { MessageDelayLevels = "1s" } });

        await kit.SendAsync("orders", "unwanted", tag: "other");
        await kit.SendAsync(new Message("orders", Encoding.UTF8.GetBytes("late"), tags: "wanted") { DelayLevel = 1 });
        await kit.UntilConsumedAsync("billing");

        Assert.Equal(["late"], _came);
    }

    [Fact]
    public async Task A_wait_that_fails_says_what_is_missing_and_how_the_group_stands()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var kit = await StartAsync((_, _) => release.Task);
        await kit.SendAsync("orders", "stuck");

        var error = await Assert.ThrowsAsync<TimeoutException>(() => kit.UntilConsumedAsync("billing", TimeSpan.FromSeconds(1)));
        release.SetResult();

        Assert.Contains("Group 'billing' has not consumed everything within 1 s", error.Message, StringComparison.Ordinal);
        Assert.Contains("of broker-a: 1 of 1 messages", error.Message, StringComparison.Ordinal);
        Assert.Contains("1 with the listener", error.Message, StringComparison.Ordinal);
        await kit.UntilConsumedAsync("billing");
    }

    [Fact]
    public async Task A_message_that_never_succeeds_is_named_while_it_waits()
    {
        await using var kit = await StartAsync(
            (_, _) => throw new InvalidOperationException("Never."), options: new() { Embedded = new() { MessageDelayLevels = "1h" } });
        await kit.SendAsync("orders", "poison");

        var error = await Assert.ThrowsAsync<TimeoutException>(() => kit.UntilConsumedAsync("billing", TimeSpan.FromSeconds(2)));

        Assert.Contains("%RETRY%billing of broker-a: 1 delayed messages are yet to come", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_group_that_no_silo_has_is_an_error_at_once()
    {
        await using var kit = await StartAsync();

        await Assert.ThrowsAsync<ConsumerStateException>(() => kit.UntilConsumedAsync("nobody"));
    }

    [Fact]
    public async Task Several_silos_share_the_queues_and_one_that_is_killed_loses_nothing()
    {
        await using var kit = await StartAsync(options: new() { Silos = 2, Queues = 8 });

        await kit.SendAsync("orders", "first");
        await kit.UntilConsumedAsync("billing");
        await kit.Cluster.KillSiloAsync(kit.Cluster.Silos[1]);
        for (var number = 0; number < 8; number++)
        {
            await kit.SendAsync("orders", $"{number}");
        }

        await kit.UntilConsumedAsync("billing", TimeSpan.FromSeconds(60));

        Assert.Equal(["0", "1", "2", "3", "4", "5", "6", "7", "first"], _came.Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_broadcasting_group_is_done_when_every_silo_has_everything()
    {
        await using var kit = await StartAsync(
            configure: consumer => consumer.Subscribe("orders").Configure(options => options.MessageModel = MessageModel.Broadcasting),
            options: new() { Silos = 2 });

        await kit.SendAsync("orders", "to all");
        await kit.UntilConsumedAsync("billing");

        Assert.Equal(["to all", "to all"], _came);
    }

    [Fact]
    public async Task Messages_with_a_sharding_key_keep_their_order()
    {
        await using var kit = await StartAsync(configure: consumer => consumer.Subscribe("orders").Configure(options => options.ConsumeThreadMin = options.ConsumeThreadMax = 1));

        var queues = new HashSet<int>();
        for (var number = 0; number < 8; number++)
        {
            queues.Add((await kit.SendAsync("orders", $"{number}", shardingKey: "alice")).Queue.QueueId);
        }

        await kit.UntilConsumedAsync("billing");

        Assert.Single(queues);
        Assert.Equal(["0", "1", "2", "3", "4", "5", "6", "7"], _came);
    }

    [Fact]
    public async Task Faults_of_the_broker_are_overcome()
    {
        await using var kit = await StartAsync();
        using var fault = kit.Embedded.Faults.Inject(Fault.CloseConnection() with { RequestCode = RequestCodes.UpdateConsumerOffset, Times = 2 });

        await kit.SendAsync("orders", "4711");
        await kit.UntilConsumedAsync("billing");

        Assert.Equal(["4711"], _came.Distinct());
    }

    [Fact]
    public async Task Silos_never_leave_the_embedded_broker_whatever_the_settings_say()
    {
        await using var kit = await RocketMQTestKit.StartAsync(
            rocketmq => rocketmq
                .UseNameServer("production.example:9876")
                .Configure(options => (options.Namespace, options.AccessKey, options.SecretKey, options.UseTls) = ("tenant", "key", "secret", true))
                .AddConsumer("billing", consumer => Handle(consumer.Subscribe("orders").Configure(options => options.NameServer = "production.example:9876"))),
            new()
            {
                ConfigureSilo = silo => silo.Services.AddSingleton<IConfiguration>(new ConfigurationBuilder()
                    .AddInMemoryCollection([new("RocketMQ:NameServer", "production.example:9876")]).Build()),
            });

        await kit.SendAsync("orders", "4711");
        await kit.UntilConsumedAsync("billing");

        Assert.Equal(["4711"], _came);
    }

    [Fact]
    public async Task What_is_set_for_a_consumer_counts_and_not_the_test_kits_default()
    {
        await using var kit = await StartAsync(configure: consumer => consumer.Subscribe("orders").Configure(options => options.PersistInterval = TimeSpan.FromHours(1)));
        await kit.SendAsync("orders", "4711");

        // Consumed at once, committed in an hour.
        var error = await Assert.ThrowsAsync<TimeoutException>(() => kit.UntilConsumedAsync("billing", TimeSpan.FromSeconds(2)));

        Assert.Equal(["4711"], _came);
        Assert.Contains("1 consumed", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_consumer_that_starts_later_gets_what_was_sent_before()
    {
        await using var kit = await StartAsync(configure: consumer => consumer.Subscribe("orders").Configure(options => options.AutoStart = false));
        await kit.SendAsync("orders", "early");

        var error = await Assert.ThrowsAsync<TimeoutException>(() => kit.UntilConsumedAsync("billing", TimeSpan.FromMilliseconds(100)));
        Assert.Contains("Stopped", error.Message, StringComparison.Ordinal);
        await kit.Services.GetRequiredService<IRocketMQConsumers>().Get("billing").StartAsync();
        await kit.UntilConsumedAsync("billing");

        Assert.Equal(["early"], _came);
    }

    [Fact]
    public async Task The_silos_log_goes_to_the_callers_provider_which_stays_the_callers()
    {
        using var log = new KeptLog();
        await using (await StartAsync(options: new() { LoggerProvider = log, MinimumLogLevel = LogLevel.Debug }))
        {
            Assert.Contains(log.Lines, line => line.StartsWith("OrleansRocketMQ.", StringComparison.Ordinal));
        }

        Assert.False(log.IsDisposed);
    }

    [Fact]
    public async Task A_wrong_setting_of_a_consumer_stops_the_start_and_is_named()
    {
        var error = await Assert.ThrowsAnyAsync<Exception>(() => StartAsync(configure: consumer => consumer.Subscribe("orders").Configure(options => options.ConsumeBatchSize = 0)));

        Assert.Contains("ConsumeBatchSize", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(WrongOptions))]
    public async Task A_wrong_option_is_named(string field, RocketMQTestKitOptions options)
    {
        var error = await Assert.ThrowsAsync<RocketMQConfigurationException>(() => StartAsync(options: options));

        Assert.Equal(field, error.Field);
    }

    public static TheoryData<string, RocketMQTestKitOptions> WrongOptions => new()
    {
        { "Silos", new() { Silos = 0 } },
        { "Queues", new() { Queues = 1025 } },
        { "Deadline", new() { Deadline = TimeSpan.Zero } },
        { "Embedded.Accounts", new() { Embedded = new() { Accounts = new Dictionary<string, string> { ["key"] = "secret" } } } },
        { "MessageDelayLevels", new() { Embedded = new() { MessageDelayLevels = "soon" } } },
    };

    private Task<RocketMQTestKit> StartAsync(
        Func<MessageExt, CancellationToken, Task>? listener = null, Action<Hosting.ConsumerBuilder>? configure = null, RocketMQTestKitOptions? options = null)
        => RocketMQTestKit.StartAsync(
            rocketmq => rocketmq.AddConsumer("billing", consumer =>
            {
                (configure ?? (consumer => consumer.Subscribe("orders")))(consumer);
                Handle(consumer, listener);
            }),
            options);

    private void Handle(Hosting.ConsumerBuilder consumer, Func<MessageExt, CancellationToken, Task>? listener = null) => consumer.Handle(listener ?? ((message, _) =>
    {
        _came.Enqueue(Text(message));
        return Task.CompletedTask;
    }));

    private static string Text(MessageExt message) => Encoding.UTF8.GetString(message.Body.Span);

    private sealed class KeptLog : ILoggerProvider
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public bool IsDisposed { get; private set; }

        public ILogger CreateLogger(string categoryName) => new KeptLogger(this, categoryName);

        public void Dispose() => IsDisposed = true;

        private sealed class KeptLogger(KeptLog log, string category) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state)
                where TState : notnull
                => null;

            public bool IsEnabled(LogLevel logLevel) => true;

            public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
                => log.Lines.Enqueue($"{category}: {formatter(state, exception)}");
        }
    }
}

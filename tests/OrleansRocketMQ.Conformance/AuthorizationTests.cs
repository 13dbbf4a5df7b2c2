using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>
/// What a group needs the right to, and what becomes of it where it has not: that alone goes without, is told, and goes on
/// once the right is given. On the embedded broker with the rules of 5.3.3, or on a real one (see <see cref="AuthorizedCluster"/>).
/// </summary>
public sealed class AuthorizationTests : IAsyncLifetime
{
    private readonly string _group = RocketMQCluster.NewName("group");
    private readonly ConcurrentQueue<string> _came = new();
    private readonly WarningLog _log = new();
    private AuthorizedCluster _rocketmq = null!;
    private string _topic = null!;

    public static TheoryData<string> Modes => new("concurrent", "in order", "by key");

    public async Task InitializeAsync()
    {
        _rocketmq = await AuthorizedCluster.StartAsync();
        _topic = await _rocketmq.CreateTopicAsync();
    }

    public async Task DisposeAsync() => await _rocketmq.DisposeAsync();

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_group_that_may_read_its_topic_and_itself_consumes_retries_and_files_what_always_fails(string mode)
    {
        await MayConsumeAsync();
        await _rocketmq.SendAsync(_topic, "1", "again", "2", "bad", "3");
        await using var cluster = await ConsumeAsync(mode);

        await UntilCameAsync("1", "2", "3", "again");
        await Eventually.TrueAsync(async () => await _rocketmq.CommittedAsync(_group, _topic) == 5, "all committed");
        await Eventually.TrueAsync(async () => await _rocketmq.CountAsync(SystemTopics.DeadLetter(_group)) == 1, "one dead letter");

        Assert.NotEmpty(await _rocketmq.MembersAsync(_group));
        Assert.All(cluster.StatusOf(_group).SelectMany(status => status.Queues), queue => Assert.Equal(string.Empty, queue.LastError));
        Assert.DoesNotContain(_log.Lines, line => line.Contains("NoPermission", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_topic_that_may_not_be_read_is_told_in_log_status_and_health_while_the_other_one_is_consumed_and_is_consumed_once_it_may(string mode)
    {
        await MayConsumeAsync();
        var denied = await _rocketmq.CreateTopicAsync();
        await _rocketmq.SendAsync(denied, "denied");
        await _rocketmq.SendAsync(_topic, "1", "again", "2");
        await using var cluster = await ConsumeAsync(mode, options => options.Subscriptions[denied] = MessageSelector.All);

        await UntilCameAsync("1", "2", "again");
        await Eventually.TrueAsync(async () => await _rocketmq.CommittedAsync(_group, _topic) == 3, "all committed");
        await Eventually.TrueAsync(() => ErrorsOf(cluster, denied) is { Length: 2 } errors && errors.All(IsDenied), () => $"both queues say why; they say: {string.Join("; ", ErrorsOf(cluster, denied))}");
        Assert.All(ErrorsOf(cluster, _topic), error => Assert.Equal(string.Empty, error));
        Assert.Single(_log.Lines, line => line.Contains($"does not let group {_group} read topic {denied}", StringComparison.Ordinal));
        await UntilHealthAsync(cluster, HealthStatus.Degraded, isDenied: true);
        var member = Assert.Single(await _rocketmq.MembersAsync(_group));

        await _rocketmq.GrantAsync($"Topic:{denied}", "Sub");

        await UntilCameAsync("denied");
        await UntilHealthAsync(cluster, HealthStatus.Healthy, isDenied: false);
        Assert.Equal([member], await _rocketmq.MembersAsync(_group));
    }

    [Fact]
    public async Task In_order_the_locks_of_a_topic_that_may_be_read_are_kept_beside_one_that_may_not()
    {
        await MayConsumeAsync();
        var denied = await _rocketmq.CreateTopicAsync();
        await using var cluster = await ConsumeAsync("in order", options =>
        {
            options.Subscriptions[denied] = MessageSelector.All;
            (options.LockInterval, options.LockExpiry) = (TimeSpan.FromMilliseconds(300), TimeSpan.FromSeconds(2));
        });
        QueueStatus[] Queues() => [.. cluster.StatusOf(_group).SelectMany(status => status.Queues).Where(queue => queue.Queue.Topic == _topic)];
        await Eventually.TrueAsync(() => Queues() is { Length: 2 } queues && queues.All(queue => queue.Lock == QueueLockState.Held), "its locks are held");

        // Longer than a lock lives that is not renewed.
        var began = TimeProvider.System.GetTimestamp();
        for (var number = 0; TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(4); number++)
        {
            await _rocketmq.SendAsync(_topic, $"{number}");
            await UntilCameAsync($"{number}");
        }

        Assert.All(Queues(), queue => Assert.Equal(QueueLockState.Held, queue.Lock));
        Assert.DoesNotContain(_log.Lines, line => line.Contains("another member has taken the lock", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_group_that_may_not_read_as_itself_says_so_in_health_and_does_not_fill_the_log_and_consumes_once_it_may()
    {
        await _rocketmq.GrantAsync($"Topic:{_topic}", "Sub");
        await _rocketmq.SendAsync(_topic, "1");
        await using var cluster = await BeginAsync("concurrent");

        await UntilHealthAsync(cluster, HealthStatus.Unhealthy, isDenied: true);
        Assert.Empty(_came);

        await _rocketmq.GrantAsync($"Group:{_group}", "Sub");
        await UntilCameAsync("1");
        Assert.InRange(_log.Lines.Count(IsDenied), 1, 6);
    }

    [Fact]
    public async Task A_group_that_is_paused_does_not_fail_though_it_may_only_read()
    {
        await MayConsumeAsync();
        await _rocketmq.SendAsync(_topic, "1");
        await using var cluster = await ConsumeAsync("concurrent", options =>
        {
            options.PersistInterval = TimeSpan.FromMilliseconds(50);
            options.AutoRecovery = false;
            options.MaxRetryTimes = 2;
        });
        await UntilCameAsync("1");
        var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(_group);
        await management.PauseAsync(ConsumerScope.Everything);
        await _rocketmq.SendAsync(_topic, "2");
        await Eventually.TrueAsync(
            () => cluster.StatusOf(_group).SelectMany(status => status.Queues).All(queue => queue.IsPaused), "all queues are paused");
        // Long enough for some looks at where the queues end.
        var looks = 0;
        await Eventually.TrueAsync(() => ++looks > 40, "some looks");

        Assert.All(cluster.StatusOf(_group).SelectMany(status => status.Queues), queue => Assert.Equal(string.Empty, queue.LastError));
        await management.ResumeAsync(ConsumerScope.Everything);
        await UntilCameAsync("2");
    }

    [Fact]
    public async Task A_queue_that_must_ask_where_to_begin_says_that_it_may_not_and_begins_once_it_may()
    {
        await MayConsumeAsync();
        await using var cluster = await ConsumeAsync("concurrent", options => (options.ConsumeFromWhere, options.SkipHistory) = (ConsumeFromWhere.LastOffset, true));
        await Eventually.TrueAsync(() => ErrorsOf(cluster, _topic) is { Length: 2 } errors && errors.All(IsDenied), () => $"both queues say why; they say: {string.Join("; ", ErrorsOf(cluster, _topic))}");

        await _rocketmq.GrantAsync($"Topic:{_topic}", "Sub", "Get");
        await Eventually.TrueAsync(() => ErrorsOf(cluster, _topic).All(error => error.Length == 0), "both have begun");
        await _rocketmq.SendAsync(_topic, "1");
        await UntilCameAsync("1");
    }

    [Fact]
    public async Task Dead_letters_that_may_not_be_read_are_an_error_that_names_topic_and_right_and_those_that_may_not_be_sent_stay()
    {
        await MayConsumeAsync();
        await _rocketmq.SendAsync(_topic, "bad");
        await using var cluster = await ConsumeAsync("concurrent");
        var topic = SystemTopics.DeadLetter(_group);
        await Eventually.TrueAsync(async () => await _rocketmq.CountAsync(topic) == 1, "one dead letter");
        var letters = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(_group);

        var refused = await Assert.ThrowsAnyAsync<Exception>(() => letters.ListAsync());
        Assert.Contains(topic, refused.Message, StringComparison.Ordinal);
        Assert.Contains("NoPermission", refused.Message, StringComparison.Ordinal);

        await _rocketmq.GrantAsync($"Topic:{topic}", "Sub", "Get");
        var letter = Assert.Single((await letters.ListAsync()).Letters);
        await Assert.ThrowsAnyAsync<Exception>(() => letters.ResendAsync(letter.MessageId, "test"));
        Assert.Single((await letters.ListAsync()).Letters);

        await _rocketmq.GrantAsync($"Topic:{_topic}", "Sub", "Pub");
        await letters.ResendAsync(letter.MessageId, "test");
        Assert.DoesNotContain((await letters.ListAsync()).Letters, left => left.Position == letter.Position);
    }

    [Fact]
    public async Task A_trace_that_may_not_be_written_keeps_no_message_from_its_listener()
    {
        await MayConsumeAsync();
        await _rocketmq.SendAsync(_topic, "1", "2");
        await using var cluster = await ConsumeAsync("concurrent", options => options.MessageTrace = true);

        await UntilCameAsync("1", "2");
        await Eventually.TrueAsync(async () => await _rocketmq.CommittedAsync(_group, _topic) == 2, "both committed");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_group_goes_by_its_brokers_retry_policy_if_it_may_ask_for_it_and_says_so_once_if_not(bool mayAsk)
    {
        await MayConsumeAsync();
        if (mayAsk)
        {
            await _rocketmq.GrantAsync($"Group:{_group}", "Sub", "Get");
        }

        await _rocketmq.SendAsync(_topic, "1", "2");
        await using var cluster = await ConsumeAsync("concurrent", options => options.UseBrokerRetryPolicy = true);

        await UntilCameAsync("1", "2");
        if (mayAsk)
        {
            await Eventually.TrueAsync(() => MayFailAsync(16), "what brokers say of groups that nobody has set up");
        }
        else
        {
            await Eventually.TrueAsync(() => OwnSettings().Length > 0, "it is told");
            Assert.True(await MayFailAsync(1));
        }

        Assert.Equal(mayAsk ? 0 : 1, OwnSettings().Length);

        string[] OwnSettings() => [.. _log.Lines.Where(line => line.Contains("goes by its own settings for failed messages", StringComparison.Ordinal))];
    }

    /// <summary>Whether the member says that its messages may fail so often.</summary>
    private async Task<bool> MayFailAsync(int times)
    {
        var request = RemotingCommand.Request(RequestCodes.GetConsumerRunningInfo)
            .Set("consumerGroup", _group)
            .Set("clientId", (await _rocketmq.MembersAsync(_group))[0])
            .Set("jstackEnable", false);
        var info = await _rocketmq.Super.Brokers.InvokeAsync((await _rocketmq.BrokersAsync())[0], request);
        return Encoding.UTF8.GetString(info.Body.Span).Contains($"\"maxReconsumeTimes\":\"{times}\"", StringComparison.Ordinal);
    }

    private static bool IsDenied(string text) => text.Contains("NoPermission", StringComparison.Ordinal) || text.Contains("no permission", StringComparison.Ordinal);

    private async Task MayConsumeAsync()
    {
        await _rocketmq.GrantAsync($"Topic:{_topic}", "Sub");
        await _rocketmq.GrantAsync($"Group:{_group}", "Sub");
    }

    private Task UntilCameAsync(params string[] bodies) => Eventually.TrueAsync(
        () => bodies.All(_came.Contains), () => $"{string.Join(", ", bodies)}; there are {string.Join(", ", _came)}; the log says {string.Join("\n", _log.Lines)}");

    private string[] ErrorsOf(TestCluster cluster, string topic)
        => [.. cluster.StatusOf(_group).SelectMany(status => status.Queues).Where(queue => queue.Queue.Topic == topic).Select(queue => queue.LastError)];

    private static async Task UntilHealthAsync(TestCluster cluster, HealthStatus status, bool isDenied)
    {
        var said = string.Empty;
        var health = cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress).GetRequiredService<HealthCheckService>();
        await Eventually.TrueAsync(
            async () =>
            {
                var report = await health.CheckHealthAsync(check => check.Tags.Contains(RocketMQHealthChecksBuilderExtensions.ReadyTag));
                said = $"{report.Status}: {string.Join("; ", report.Entries.Values.Select(entry => entry.Description))}";
                return report.Status == status && IsDenied(said) == isDenied;
            },
            () => $"{status}, denied: {isDenied}; it says {said}");
    }

    private bool Fails(MessageBatch messages)
    {
        var text = Encoding.UTF8.GetString(messages[0].Body.Span);
        if (text == "bad" || (text == "again" && !_came.Contains("tried")))
        {
            if (text == "again")
            {
                _came.Enqueue("tried");
            }

            return true;
        }

        _came.Enqueue(text);
        return false;
    }

    private async Task<TestCluster> ConsumeAsync(string mode, Action<ConsumerOptions>? configure = null)
    {
        var cluster = await BeginAsync(mode, configure);
        await Eventually.TrueAsync(() => cluster.StatusOf(_group).Any(status => status.Queues.Count > 0), "some queues");
        return cluster;
    }

    private Task<TestCluster> BeginAsync(string mode, Action<ConsumerOptions>? configure = null)
    {
        void SetUp(RocketMQBuilder rocketmq)
        {
            rocketmq.Configure(_rocketmq.SetUp);
            rocketmq.Services.AddHealthChecks().AddRocketMQ();
            rocketmq.Services.AddLogging(logging => logging.AddProvider(_log));
        }

        void Quick(ConsumerOptions options)
        {
            // The first attempt and one more.
            options.MaxReconsumeTimes = 1;
            options.SuspendCurrentQueueTime = TimeSpan.FromMilliseconds(50);
            options.PersistInterval = TimeSpan.FromMilliseconds(200);
            options.RetryInterval = TimeSpan.FromMilliseconds(200);
            options.ParkAfter = TimeSpan.FromSeconds(1);
            configure?.Invoke(options);
        }

        var (server, group, topic) = (_rocketmq.NameServer, _group, _topic);
        return mode switch
        {
            "in order" => OrderlyCluster.BeginAsync(
                server,
                group,
                topic,
                (messages, _, _) => ValueTask.FromResult(Fails(messages) ? ConsumeOrderlyResult.SuspendCurrentQueue : ConsumeOrderlyResult.Success),
                Quick,
                setUp: SetUp),
            "by key" => ScriptedKeyedListener.BeginAsync(
                server,
                group,
                topic,
                (_, messages, _, _) => ValueTask.FromResult(Fails(messages) ? ConsumeResult.ReconsumeLater : ConsumeResult.Success),
                consumer => consumer.Configure(Quick),
                setUp: SetUp),
            _ => TestCluster.BeginAsync(
                server,
                group,
                topic,
                (messages, _, _) => ValueTask.FromResult(Fails(messages) ? ConsumeResult.ReconsumeLater : ConsumeResult.Success),
                consumer => consumer.Configure(Quick),
                setUp: SetUp),
        };
    }
}

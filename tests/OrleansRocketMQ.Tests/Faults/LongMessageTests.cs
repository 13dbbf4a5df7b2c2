using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>Brokers whose largest message is larger than the longest frame of clients by default.</summary>
public sealed class LongMessageTests
{
    private const int Length = 17 * 1024 * 1024;

    [Fact]
    public async Task A_message_above_the_frame_limit_is_told_once_with_the_setting_and_other_queues_of_its_broker_do_not_notice()
    {
        await using var rocketmq = await StartAsync();
        using var log = new WarningLog();
        await using var cluster = await ConsumeAsync(rocketmq, log);
        await Eventually.TrueAsync(() => ErrorOf(cluster, rocketmq).Contains("RocketMQ:MaxFrameLength", StringComparison.Ordinal), "the queue says why it waits");

        for (var number = 0; number < 20; number++)
        {
            await SendAsync(rocketmq, queue: 1, new byte[10]);
            await rocketmq.Recorder.UntilAsync(number + 1);
        }

        var told = Assert.Single(log.Lines, line => line.Contains("could not pull", StringComparison.Ordinal));
        Assert.Contains($"{Length}"[..3], told, StringComparison.Ordinal);
        Assert.Contains("RocketMQ:MaxFrameLength", told, StringComparison.Ordinal);
        Assert.All(rocketmq.Recorder.Deliveries, delivery => Assert.Equal(1, delivery.Queue.QueueId));
    }

    [Fact]
    public async Task With_a_frame_limit_above_the_brokers_largest_message_it_is_consumed()
    {
        await using var rocketmq = await StartAsync();
        using var log = new WarningLog();
        await using var cluster = await ConsumeAsync(rocketmq, log, options => options.MaxFrameLength = 32 * 1024 * 1024);

        await rocketmq.Recorder.UntilAsync(1);

        Assert.Equal(Length, rocketmq.Recorder.Deliveries[0].Message.Body.Length);
        Assert.DoesNotContain(log.Lines, line => line.Contains("could not pull", StringComparison.Ordinal));
    }

    private static async Task<TestRocketMQ> StartAsync()
    {
        var rocketmq = await TestRocketMQ.StartAsync(queues: 2, TestRocketMQ.QuickRetries with { MaxMessageSize = 20 * 1024 * 1024 });
        await SendAsync(rocketmq, queue: 0, new byte[Length]);
        return rocketmq;
    }

    private static Task<TestCluster> ConsumeAsync(TestRocketMQ rocketmq, WarningLog log, Action<RocketMQOptions>? configure = null) => TestCluster.BeginAsync(
        rocketmq.Embedded.NameServerAddress,
        rocketmq.MyGroup,
        TestRocketMQ.Topic,
        rocketmq.Recorder.Succeed(),
        setUp: builder => builder.Configure(configure ?? (_ => { })).Services.AddLogging(logging => logging.AddProvider(log)));

    private static string ErrorOf(TestCluster cluster, TestRocketMQ rocketmq)
        => cluster.StatusOf(rocketmq.MyGroup).SelectMany(status => status.Queues).FirstOrDefault(queue => queue.Queue is { Topic: TestRocketMQ.Topic, QueueId: 0 })?.LastError ?? string.Empty;

    private static Task<SendMessageResponse> SendAsync(TestRocketMQ rocketmq, int queue, byte[] body) => rocketmq.Client.Brokers.SendAsync(
        rocketmq.Broker.Address,
        new()
        {
            ProducerGroup = "test_producer",
            Topic = TestRocketMQ.Topic,
            BrokerName = rocketmq.Broker.Name,
            QueueId = queue,
            Body = body,
            BornTimestamp = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
        },
        TimeSpan.FromSeconds(30));
}

using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans;
using Orleans.Concurrency;
using Orleans.Hosting;
using Orleans.TestingHost;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Tests.Infrastructure;
using TestCluster = OrleansRocketMQ.Testing.TestCluster;

namespace OrleansRocketMQ.Tests.Telemetry;

/// <summary>What a listener calls belongs to the trace of its message, when the silo has Orleans propagate activities.</summary>
public sealed class GrainCallTraceTests
{
    [Fact]
    public async Task A_listeners_grain_calls_are_children_of_its_activity()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        using var probe = new ActivityProbe(others: IsOrleans);
        await using var cluster = await ConsumeAsync(rocketmq);

        var sent = await rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, "x"u8.ToArray()));

        var process = Assert.Single(await probe.ProcessedAsync(rocketmq.MyGroup, 1));
        Assert.Equal(probe.Sent(sent.MessageId).Id, process.ParentId);
        // What the called grain saw as its own activity.
        Assert.Equal(process.TraceId.ToHexString(), process.GetTagItem("seen"));
        Assert.Contains(probe.Ended, activity => activity.ParentId == process.Id && IsOrleans(activity.Source.Name));
    }

    [Fact]
    public async Task Messages_that_have_nothing_to_do_with_each_other_share_no_trace()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        using var probe = new ActivityProbe(others: IsOrleans);
        await using var cluster = await ConsumeAsync(rocketmq);
        await using var silent = new Producer(rocketmq.Client, new ProducerOptions { Group = "silent", PropagateTraceContext = false }, NullLoggerFactory.Instance);

        for (var sent = 1; sent <= 2; sent++)
        {
            await silent.SendAsync(new Message(TestRocketMQ.Topic, "x"u8.ToArray()));
            await probe.ProcessedAsync(rocketmq.MyGroup, sent);
        }

        var processed = await probe.ProcessedAsync(rocketmq.MyGroup, 2);
        Assert.NotEqual(processed[0].TraceId, processed[1].TraceId);
    }

    private static bool IsOrleans(string source) => source.StartsWith("Microsoft.Orleans", StringComparison.Ordinal);

    private static async Task<TestCluster> ConsumeAsync(TestRocketMQ rocketmq)
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureSilo((_, silo) =>
        {
            silo.AddActivityPropagation();
            silo.AddRocketMQ(consumers =>
            {
                consumers.UseNameServer(rocketmq.Embedded.NameServerAddress);
                consumers.AddConsumer<CallingListener>(
                    rocketmq.MyGroup, consumer => consumer.Subscribe(TestRocketMQ.Topic).Configure(options => options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset));
                DeclaredListeners.HideIn(consumers.Services);
            });
        });
        var cluster = new TestCluster(builder.Build());
        await cluster.Silos.DeployAsync();
        await cluster.UntilReadyAsync(rocketmq.MyGroup);
        return cluster;
    }
}

/// <summary>Tells the trace it is called in.</summary>
[Alias("OrleansRocketMQ.Tests.ITraceTellingGrain")]
internal interface ITraceTellingGrain : IGrainWithIntegerKey
{
    [Alias("GetTrace")]
    Task<string?> GetTraceAsync();
}

/// <inheritdoc cref="ITraceTellingGrain"/>
internal sealed class TraceTellingGrain : Grain, ITraceTellingGrain
{
    public Task<string?> GetTraceAsync() => Task.FromResult(Activity.Current?.TraceId.ToHexString());
}

/// <summary>A listener that calls a grain.</summary>
[StatelessWorker]
internal sealed class CallingListener : Grain, IConcurrentListener
{
    public async ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        var seen = await GrainFactory.GetGrain<ITraceTellingGrain>(0).GetTraceAsync();
        Activity.Current?.SetTag("seen", seen);
        return ConsumeResult.Success;
    }
}

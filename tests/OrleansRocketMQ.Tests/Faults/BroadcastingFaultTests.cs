using Microsoft.Extensions.DependencyInjection;
using Orleans.Storage;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Offsets;
using OrleansRocketMQ.Storage;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>Broadcasting groups keep their offsets in grain storage, which may be away while brokers change.</summary>
public sealed class BroadcastingFaultTests
{
    private readonly KeptStorage _storage = new();

    [Fact]
    public async Task A_queue_made_anew_goes_on_at_the_brokers_offset_while_the_storage_cannot_be_written_and_is_stored_later()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await ConsumeAsync(rocketmq);
        await rocketmq.SendAsync(20);
        await rocketmq.Recorder.UntilAsync(20);
        await Eventually.TrueAsync(() => Stored() == 20, () => $"20 stored; it is {Stored()}");

        _storage.Fails = true;
        rocketmq.Broker.DeleteTopic(TestRocketMQ.Topic);
        rocketmq.Embedded.CreateTopic(TestRocketMQ.Topic, 1);
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup)[0].Queues is [{ NextPullOffset: 0 }], "the queue is where the broker wants it");
        await rocketmq.SendAsync(5, first: 100);
        await rocketmq.Recorder.UntilAsync(25);
        await Eventually.TrueAsync(() => cluster.StatusOf(rocketmq.MyGroup)[0].Queues is [{ Watermark: 5 }], "all of the new topic is done");
        Assert.Equal(20, Stored());

        _storage.Fails = false;
        await Eventually.TrueAsync(() => Stored() == 5, () => $"5 stored; it is {Stored()}");
        await rocketmq.SendAsync(5, first: 200);
        await rocketmq.Recorder.UntilAsync(30);
        await Eventually.TrueAsync(() => Stored() == 10, () => $"10 stored; it is {Stored()}");

        Assert.Equal(30, rocketmq.Recorder.Bodies.Distinct().Count());
        Assert.Equal(30, rocketmq.Recorder.Count);
    }

    private long Stored() => _storage.All<StoredOffset>().Values.SingleOrDefault()?.Offset ?? -1;

    private Task<TestCluster> ConsumeAsync(TestRocketMQ rocketmq) => TestCluster.BeginAsync(
        rocketmq.Embedded.NameServerAddress,
        rocketmq.MyGroup,
        TestRocketMQ.Topic,
        rocketmq.Recorder.Succeed(),
        consumer => consumer.Configure(options =>
        {
            options.MessageModel = MessageModel.Broadcasting;
            options.PersistInterval = TimeSpan.FromMilliseconds(50);
            options.RetryInterval = TimeSpan.FromMilliseconds(100);
            options.CheckpointInterval = TimeSpan.FromMilliseconds(50);
        }),
        setUp: builder => builder.Services.AddKeyedSingleton<IGrainStorage>(StateStorage.ProviderName, _storage));
}

using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Compression;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

[Collection(RocketMQCollection.Name)]
public sealed class CompressedConsumptionTests(RocketMQCluster rocketmq)
{
    private readonly string _group = RocketMQCluster.NewName("group");
    private readonly Recorder _recorder = new();

    /// <summary>Bodies as an official Java producer (RocketMQ 5.3.3) compressed them.</summary>
    [Theory]
    [InlineData(CompressionType.Lz4, "BCJNGGBwcygAAIBIZWxsbyBSb2NrZXRNUSAyIMOk5Lit5paHemFiY2RlZmdoaWprbG1uAAAAAA==")]
    [InlineData(CompressionType.Zstd, "KLUv/QBYQAEASGVsbG8gUm9ja2V0TVEgMiDDpOS4reaWh3phYmNkZWZnaGlqa2xtbgEAAA==")]
    public async Task A_body_that_Java_compressed_with_LZ4_or_ZSTD_is_read(CompressionType type, string compressed)
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        ScriptedListener.Script(_group, _recorder.Succeed());
        await using var cluster = await TestCluster.StartAsync(rocketmq.NameServer, builder => builder
            .AddLz4AndZstd()
            .AddConsumer<ScriptedListener>(_group, consumer => consumer
                .Subscribe(topic)
                .Configure(options => options.ConsumeFromWhere = Configuration.ConsumeFromWhere.FirstOffset)));
        var queue = (await rocketmq.Client.Routes.GetAsync(topic)).WriteQueues[0];

        await rocketmq.Client.Brokers.SendAsync(rocketmq.MasterOf(queue), new SendMessageRequest
        {
            ProducerGroup = "conformance_producer",
            Topic = topic,
            BrokerName = queue.BrokerName,
            QueueId = queue.QueueId,
            Body = Convert.FromBase64String(compressed),
            BornTimestamp = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
            SysFlag = MessageSysFlag.Compressed | ((int)type << 8),
        });
        await _recorder.UntilAsync(1);

        Assert.Equal("Hello RocketMQ 2 ä中文zabcdefghijklmn", Assert.Single(_recorder.Bodies));
    }
}

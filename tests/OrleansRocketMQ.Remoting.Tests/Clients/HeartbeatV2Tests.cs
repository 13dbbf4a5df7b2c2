using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Clients;

public sealed class HeartbeatV2Tests : IAsyncDisposable
{
    private readonly FakeCluster _cluster = new();

    [Fact]
    public void The_fingerprint_is_the_one_Java_computed_for_every_recorded_full_heartbeat()
    {
        var tested = 0;
        foreach (var frame in RecordedFrames.Requests(RequestCodes.HeartBeat))
        {
            var heartbeat = TolerantJson.Read(frame.Decode().Body.Span, ProtocolJson.Default.HeartbeatData);
            if (heartbeat.HeartbeatFingerprint != 0 && !heartbeat.WithoutSub)
            {
                Assert.Equal(heartbeat.HeartbeatFingerprint, heartbeat.ComputeFingerprint());
                tested++;
            }
        }

        Assert.True(tested >= 2);
    }

    [Theory]
    [InlineData(true, true, false)]
    [InlineData(true, false, true)]
    [InlineData(false, false, false)]
    public async Task Subscriptions_are_left_out_only_where_the_broker_supports_it_and_knows_them(bool supports, bool changes, bool expectShort)
    {
        var broker = _cluster.AddBroker(request => request.Code == RequestCodes.HeartBeat
            ? RemotingCommand.Response(request, ResponseCodes.Success).Set("IS_SUPPORT_HEART_BEAT_V2", supports).Set("IS_SUB_CHANGE", changes)
            : null);
        _cluster.SetRoute("T", 2, ("b", 0, broker.Address));
        await using var client = new RocketMQClient(_cluster.ClientOptions() with { UseHeartbeatV2 = true, HeartbeatInterval = TimeSpan.FromMilliseconds(50) }, new TestLog());
        client.Start();
        client.RegisterConsumer("g", Describe, ["T"]);

        await Eventually.Holds(() => Heartbeats(broker).Count() >= 5);

        var beats = Heartbeats(broker).ToArray();
        Assert.False(beats[0].WithoutSub);
        Assert.All(beats, beat => Assert.Equal(beats[0].HeartbeatFingerprint, beat.HeartbeatFingerprint));
        Assert.NotEqual(0, beats[0].HeartbeatFingerprint);
        Assert.Equal(expectShort, beats.Any(beat => beat.WithoutSub));
        Assert.All(beats, beat => Assert.Equal(beat.WithoutSub, beat.ConsumerDataSet.Single().SubscriptionDataSet.Count == 0));

        // Whoever asks for a heartbeat wants the broker to know everything.
        var before = beats.Length;
        await client.HeartbeatAsync().InTime();
        Assert.Contains(Heartbeats(broker).Skip(before), beat => !beat.WithoutSub);
    }

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    private static ConsumerData Describe() => new() { GroupName = "g", SubscriptionDataSet = [SubscriptionData.From("T", MessageSelector.All, 1)] };

    private static IEnumerable<HeartbeatData> Heartbeats(ScriptedPeer peer) => peer.Received
        .Where(command => command.Code == RequestCodes.HeartBeat)
        .Select(command => TolerantJson.Read(command.Body.Span, ProtocolJson.Default.HeartbeatData));
}

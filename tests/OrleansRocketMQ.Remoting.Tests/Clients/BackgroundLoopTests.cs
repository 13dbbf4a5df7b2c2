using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Clients;

/// <summary>What nobody expected must neither end what a client does by itself nor have it do so without a pause.</summary>
public sealed class BackgroundLoopTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly TestLog _log = new();

    [Fact]
    public async Task A_loop_that_fails_is_told_of_and_begins_anew_after_a_pause()
    {
        using var stopping = new CancellationTokenSource();
        var begun = 0;
        var loop = BackgroundLoop.Run(
            "loop",
            async token =>
            {
                if (Interlocked.Increment(ref begun) < 3)
                {
                    throw new InvalidOperationException("unexpected");
                }

                await Task.Delay(Timeout.Infinite, token);
            },
            _time,
            _log,
            stopping.Token);
        await Eventually.Holds(() => _log.Count(LogLevel.Error) == 1);
        Assert.Equal(1, Volatile.Read(ref begun));
        await Eventually.Holds(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return Volatile.Read(ref begun) == 3;
        });
        Assert.Equal(2, _log.Count(LogLevel.Error));
        await stopping.CancelAsync();
        await loop.InTime();
    }

    [Fact]
    public async Task A_heartbeat_that_cannot_be_described_is_tried_again_after_a_pause_only()
    {
        await using var cluster = new FakeCluster();
        cluster.SetRoute("T", 1, ("b", 0, cluster.AddBroker().Address));
        await using var remoting = new RemotingClient(new RemotingOptions(), _time, NullLogger.Instance);
        var routes = new RouteTable(new NameServerClient(remoting, [cluster.NameServer.Address], NullLogger.Instance), NullLogger.Instance);
        await routes.GetAsync("T").InTime();
        var source = new BrokenSource();
        var heartbeats = new Heartbeats(source, routes, new BrokerClient(remoting, TimeSpan.FromSeconds(30)), TimeSpan.FromSeconds(30), useV2: false, _time, _log);
        using var stopping = new CancellationTokenSource();
        var loop = heartbeats.RunAsync(stopping.Token);
        await Eventually.Holds(() => heartbeats.Unreachable.Count == 1);

        // A loop without a pause would have asked thousands of times by then; each round trip gives it the time.
        for (var round = 0; round < 50; round++)
        {
            await remoting.InvokeAsync(cluster.Brokers[0].Address, RemotingCommand.Request(RequestCodes.GetMinOffset)).InTime();
        }

        Assert.Equal(1, source.Asked);
        await Eventually.Holds(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return source.Asked > 1;
        });
        await stopping.CancelAsync();
        await loop.InTime();
    }

    private sealed class BrokenSource : IHeartbeatSource
    {
        private int _asked;

        public int Asked => Volatile.Read(ref _asked);

        public bool HasConsumers => true;

        public bool HasProducers => false;

        public HeartbeatData Describe()
        {
            Interlocked.Increment(ref _asked);
            throw new InvalidOperationException("unexpected");
        }
    }
}

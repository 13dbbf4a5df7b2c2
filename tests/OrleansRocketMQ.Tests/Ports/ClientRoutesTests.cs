using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Brokers;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Rebalance;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Ports;

/// <summary>What a silo knows of where brokers are.</summary>
public sealed class ClientRoutesTests
{
    [Fact]
    public async Task A_message_of_a_logical_queue_goes_back_to_where_it_is_stored_also_when_routes_name_hosts()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(1);
        var port = rocketmq.Broker.Address[(rocketmq.Broker.Address.LastIndexOf(':') + 1)..];
        await using var nameServer = new NameServerOfHosts($"localhost:{port}");
        await using var client = new RocketMQClient(
            new RocketMQClientOptions { NameServerAddresses = [nameServer.Address], ClientId = "hosts" }, NullLoggerFactory.Instance);
        client.Start();
        var queue = Assert.Single((await client.Routes.GetAsync(TestRocketMQ.Topic)).ReadQueues);
        var stored = Assert.Single(rocketmq.Broker.Messages(TestRocketMQ.Topic));
        var message = Assert.Single(MessageDecoder.DecodeAll(stored.Record, MessageQueue.LogicalPrefix + "__global__"));
        var routes = new ClientRoutes(client);
        Assert.Null(routes.FindMasterOf(message));

        await client.Brokers.GetMaxOffsetAsync($"localhost:{port}", queue);

        Assert.Equal($"localhost:{port}", routes.FindMasterOf(message)?.Address);
        Assert.Equal(stored.StoreHost.Port.ToString(System.Globalization.CultureInfo.InvariantCulture), port);
    }

    [Fact]
    public async Task Routes_that_tell_of_the_same_brokers_as_others_before_are_no_news_of_brokers()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(options: TestRocketMQ.QuickRetries with { Slaves = 1 });
        var (routes, known) = (rocketmq.Client.Routes, new KnownBrokers());
        foreach (var topic in (string[])["one", "two", "three"])
        {
            rocketmq.Embedded.CreateTopic(topic, 1);
        }

        await routes.GetAsync("one");
        Assert.True(known.HaveChanged(routes));
        await routes.GetAsync("two");
        await routes.GetAsync("three");
        Assert.False(known.HaveChanged(routes));

        await rocketmq.Broker.FailOverAsync(Assert.Single(rocketmq.Broker.Slaves));
        await routes.RefreshAsync("two");
        Assert.True(known.HaveChanged(routes));
        Assert.False(known.HaveChanged(routes));
    }

    /// <summary>Knows one broker by the name of its host.</summary>
    private sealed class NameServerOfHosts : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly List<RemotingConnection> _connections = [];
        private readonly byte[] _route;
        private readonly Task _accepting;

        public NameServerOfHosts(string broker)
        {
            _route = Encoding.UTF8.GetBytes(
                $$$"""
                {"brokerDatas":[{"brokerName":"broker-a","cluster":"c","brokerAddrs":{"0":"{{{broker}}}"}}],
                "queueDatas":[{"brokerName":"broker-a","perm":6,"readQueueNums":1,"writeQueueNums":1,"topicSysFlag":0}]}
                """);
            _listener.Start();
            _accepting = AcceptAsync();
        }

        public string Address => _listener.LocalEndpoint.ToString()!;

        public async ValueTask DisposeAsync()
        {
            _listener.Stop();
            await _accepting;
            foreach (var connection in _connections)
            {
                await connection.DisposeAsync();
            }
        }

        private async Task AcceptAsync()
        {
            try
            {
                while (true)
                {
                    var client = await _listener.AcceptTcpClientAsync();
                    var connection = new RemotingConnection(
                        client.GetStream(), "client", new RemotingOptions(), Answer, TimeProvider.System, NullLogger.Instance);
                    _connections.Add(connection);
                    connection.Start();
                }
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // Stopped.
            }
        }

        private ValueTask<RemotingCommand?> Answer(RemotingConnection connection, RemotingCommand request)
            => new(RemotingCommand.Response(request, ResponseCodes.Success, body: _route));
    }
}

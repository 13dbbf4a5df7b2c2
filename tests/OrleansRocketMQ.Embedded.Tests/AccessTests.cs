using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Security;

namespace OrleansRocketMQ.Tests;

/// <summary>Refusals have the codes and remarks that a broker of RocketMQ 5.3.3 gave in the same place.</summary>
public sealed class AccessTests : IAsyncLifetime
{
    private EmbeddedRocketMQ _rocketMQ = null!;

    public async Task InitializeAsync()
    {
        _rocketMQ = await EmbeddedRocketMQ.StartAsync(new() { Accounts = new Dictionary<string, string> { ["reader"] = "right" } });
        _rocketMQ.CreateTopic("orders", queues: 1);
    }

    public async Task DisposeAsync() => await _rocketMQ.DisposeAsync();

    [Fact]
    public async Task Who_signs_with_the_right_key_is_let_in()
    {
        await using var client = NewClient(new AclCredentials("reader", "right"));
        await using var producer = new Producer(client, new ProducerOptions { Group = "p" }, NullLoggerFactory.Instance);

        await producer.SendAsync(new Message("orders", "signed"u8.ToArray()));
        var pulled = await client.Brokers.PullAsync(
            _rocketMQ.Broker.Address, new PullRequest("g", new MessageQueue("orders", "broker-a", 0), 0) { Expression = "*", SuspendTimeout = TimeSpan.Zero });

        Assert.Equal(PullStatus.Found, pulled.Status);
    }

    [Fact]
    public async Task Others_are_refused_by_brokers_and_told_why_but_not_by_the_name_server()
    {
        await AssertRefusedAsync("check signature failed.", new AclCredentials("reader", "wrong"));
        await AssertRefusedAsync("User:writer is not found.", new AclCredentials("writer", "right"));
        await AssertRefusedAsync("username cannot be null.", credentials: null);
    }

    private async Task AssertRefusedAsync(string remark, AclCredentials? credentials)
    {
        await using var client = NewClient(credentials);
        Assert.NotEmpty((await client.NameServer.GetRouteAsync("orders")).QueueDatas);

        var error = await Assert.ThrowsAsync<BrokerResponseException>(
            () => client.Brokers.GetMaxOffsetAsync(_rocketMQ.Broker.Address, new MessageQueue("orders", "broker-a", 0)));

        Assert.Equal(ResponseCodes.NoPermission, error.ResponseCode);
        Assert.Equal(remark, error.Remark);
    }

    private RocketMQClient NewClient(AclCredentials? credentials) => new(
        new RocketMQClientOptions
        {
            NameServerAddresses = [_rocketMQ.NameServerAddress],
            ClientId = "127.0.0.1@access",
            Remoting = new RemotingOptions { Credentials = credentials },
        },
        NullLoggerFactory.Instance);
}

using System.Net;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

public class OptionsTests
{
    public static TheoryData<string, EmbeddedRocketMQOptions> WrongOptions => new()
    {
        { nameof(EmbeddedRocketMQOptions.NameServerPort), new() { NameServerPort = 65536 } },
        { nameof(EmbeddedRocketMQOptions.BrokerPort), new() { BrokerPort = -1 } },
        { nameof(EmbeddedRocketMQOptions.BrokerName), new() { BrokerName = "a/b" } },
        { nameof(EmbeddedRocketMQOptions.ClusterName), new() { ClusterName = " " } },
        { nameof(EmbeddedRocketMQOptions.AdvertisedAddress), new() { BindAddress = IPAddress.Any } },
        { nameof(EmbeddedRocketMQOptions.DataFolder), new() { DataFolder = " " } },
        { nameof(EmbeddedRocketMQOptions.DefaultQueues), new() { DefaultQueues = 0 } },
        { nameof(EmbeddedRocketMQOptions.MessageDelayLevels), new() { MessageDelayLevels = "1s 5x" } },
        { nameof(EmbeddedRocketMQOptions.MessageDelayLevels), new() { MessageDelayLevels = " " } },
        { nameof(EmbeddedRocketMQOptions.ClientExpiry), new() { ClientExpiry = TimeSpan.Zero } },
        { nameof(EmbeddedRocketMQOptions.LockExpiry), new() { LockExpiry = TimeSpan.Zero } },
        { nameof(EmbeddedRocketMQOptions.TransactionTimeout), new() { TransactionTimeout = TimeSpan.FromSeconds(-1) } },
        { nameof(EmbeddedRocketMQOptions.TransactionCheckInterval), new() { TransactionCheckInterval = TimeSpan.Zero } },
        { nameof(EmbeddedRocketMQOptions.TransactionCheckMax), new() { TransactionCheckMax = -1 } },
        { nameof(EmbeddedRocketMQOptions.PopPollingSize), new() { PopPollingSize = -1 } },
        { nameof(EmbeddedRocketMQOptions.MaxMessageSize), new() { MaxMessageSize = 0 } },
        { nameof(EmbeddedRocketMQOptions.MaxStoreBytes), new() { MaxStoreBytes = 1000 } },
        { nameof(EmbeddedRocketMQOptions.RequireTls), new() { RequireTls = true } },
        { nameof(EmbeddedRocketMQOptions.Slaves), new() { Slaves = 17 } },
        { nameof(EmbeddedRocketMQOptions.SlowReadBytes), new() { SlowReadBytes = -1 } },
        { nameof(EmbeddedRocketMQOptions.SlaveSyncInterval), new() { SlaveSyncInterval = TimeSpan.Zero } },
        { nameof(EmbeddedRocketMQOptions.BrokerPort), new() { VipChannel = true, BrokerPort = 2 } },
    };

    [Theory]
    [MemberData(nameof(WrongOptions))]
    public async Task A_wrong_option_is_named(string field, EmbeddedRocketMQOptions options)
    {
        var error = await Assert.ThrowsAsync<RocketMQConfigurationException>(() => EmbeddedRocketMQ.StartAsync(options));

        Assert.Equal(field, error.Field);
        Assert.Equal(RocketMQErrorCode.Configuration, error.Code);
    }

    [Fact]
    public async Task The_defaults_start_on_free_loopback_ports_and_everything_can_be_disposed_twice()
    {
        var first = await EmbeddedRocketMQ.StartAsync();
        await using var second = await EmbeddedRocketMQ.StartAsync();

        Assert.StartsWith("127.0.0.1:", first.NameServerAddress, StringComparison.Ordinal);
        Assert.NotEqual(first.NameServerAddress, second.NameServerAddress);
        Assert.Equal("broker-a", first.Broker.Name);
        await first.DisposeAsync();
        await first.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => first.AddBrokerAsync("late"));
    }

    [Fact]
    public async Task A_taken_port_is_told_and_nothing_is_left_running()
    {
        await using var first = await EmbeddedRocketMQ.StartAsync();
        var port = int.Parse(first.Broker.Address.Split(':')[1], null);

        var error = await Assert.ThrowsAsync<RocketMQNetworkException>(() => EmbeddedRocketMQ.StartAsync(new() { BrokerPort = port }));
        Assert.Contains($":{port}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_brokers_name_is_taken_once()
    {
        await using var rocketMQ = await EmbeddedRocketMQ.StartAsync();

        await Assert.ThrowsAsync<RocketMQConfigurationException>(() => rocketMQ.AddBrokerAsync("broker-a"));
    }

    [Theory]
    [InlineData("bad topic", 4)]
    [InlineData("", 4)]
    [InlineData("orders", 0)]
    [InlineData("orders", 1025)]
    public async Task A_topic_needs_a_good_name_and_number(string topic, int queues)
    {
        await using var rocketMQ = await EmbeddedRocketMQ.StartAsync();

        Assert.Throws<RocketMQValidationException>(() => rocketMQ.CreateTopic(topic, queues));
    }

    [Fact]
    public async Task A_topic_can_grow_over_the_wire()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();

        foreach (var queues in new[] { 2, 5 })
        {
            (await client.InvokeAsync(
                RequestCodes.UpdateAndCreateTopic,
                ("topic", "orders"), ("defaultTopic", "TBW102"), ("readQueueNums", queues), ("writeQueueNums", queues), ("perm", 6),
                ("topicFilterType", "SINGLE_TAG"), ("topicSysFlag", 0), ("order", false))).Succeeded();
            Assert.Equal(
                $"{{\"attributes\":{{}},\"order\":false,\"perm\":6,\"readQueueNums\":{queues},\"topicFilterType\":\"SINGLE_TAG\",\"topicName\":\"orders\",\"topicSysFlag\":0,\"writeQueueNums\":{queues}}}",
                (await client.InvokeAsync(RequestCodes.GetTopicConfig, ("topic", "orders"))).Succeeded().BodyText());
        }

        (await client.InvokeAsync(RequestCodes.GetTopicConfig, ("topic", "nowhere"))).FailedWith(ResponseCodes.TopicNotExist);
        (await client.InvokeAsync(
            RequestCodes.UpdateAndCreateTopic, ("topic", "TBW102"), ("readQueueNums", 1), ("writeQueueNums", 1), ("perm", 6))).FailedWith(ResponseCodes.InvalidParameter);
    }

    [Fact]
    public async Task Permissions_of_a_topic_hold()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        await client.SendAsync("orders", "x");

        await client.InvokeAsync(RequestCodes.UpdateAndCreateTopic, ("topic", "orders"), ("readQueueNums", 4), ("writeQueueNums", 4), ("perm", 2));
        (await client.PullAsync("g", "orders", 0)).FailedWith(ResponseCodes.NoPermission);

        await client.InvokeAsync(RequestCodes.UpdateAndCreateTopic, ("topic", "orders"), ("readQueueNums", 4), ("writeQueueNums", 4), ("perm", 6));
        (await client.PullAsync("g", "orders", 0)).Succeeded();
    }
}

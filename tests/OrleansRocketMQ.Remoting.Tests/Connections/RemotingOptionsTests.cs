using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Connections;

public sealed class RemotingOptionsTests
{
    private static readonly TimeSpan TooLong = TimeSpan.FromDays(25);
    private static readonly RemotingOptions Good = new();

    public static TheoryData<string, RemotingOptions> Bad => new()
    {
        { nameof(RemotingOptions.ConnectTimeout), Good with { ConnectTimeout = TimeSpan.Zero } },
        { nameof(RemotingOptions.ConnectTimeout), Good with { ConnectTimeout = TooLong } },
        { nameof(RemotingOptions.RequestTimeout), Good with { RequestTimeout = Timeout.InfiniteTimeSpan } },
        { nameof(RemotingOptions.RequestTimeout), Good with { RequestTimeout = TooLong } },
        { nameof(RemotingOptions.IdleTimeout), Good with { IdleTimeout = TimeSpan.Zero } },
        { nameof(RemotingOptions.IdleTimeout), Good with { IdleTimeout = TooLong } },
        { nameof(RemotingOptions.ReconnectBackoff), Good with { ReconnectBackoff = -TimeSpan.FromSeconds(1) } },
        { nameof(RemotingOptions.MaxReconnectBackoff), Good with { MaxReconnectBackoff = TooLong } },
        { nameof(RemotingOptions.MaxFrameLength), Good with { MaxFrameLength = 0 } },
        { nameof(RemotingOptions.MaxFrameLength), Good with { MaxFrameLength = int.MaxValue } },
        { nameof(RemotingOptions.SendBufferLimit), Good with { SendBufferLimit = -1 } },
        { nameof(RemotingOptions.SerializeType), Good with { SerializeType = (SerializeType)7 } },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public void A_setting_out_of_range_is_refused_with_its_name_its_value_and_what_is_allowed(string field, RemotingOptions options)
    {
        AssertRefused(field, () => new RemotingClient(options, TimeProvider.System, NullLogger.Instance));
        AssertRefused(field, () => new RocketMQClient(Client() with { Remoting = options }, new TestLog()));
    }

    [Fact]
    public void Intervals_that_no_timer_takes_are_refused()
    {
        AssertRefused("PollNameServerInterval", () => new RocketMQClient(Client() with { PollNameServerInterval = TooLong }, new TestLog()));
        AssertRefused("HeartbeatInterval", () => new RocketMQClient(Client() with { HeartbeatInterval = TooLong }, new TestLog()));
        AssertRefused("PullTimeout", () => new RocketMQClient(Client() with { PullTimeout = TooLong }, new TestLog()));
        AssertRefused("SendTimeout", () =>
        {
            new ProducerOptions { Group = "p", SendTimeout = TooLong }.Validate();
            return null;
        });
    }

    [Fact]
    public void The_longest_times_are_taken()
        => (Client() with { PollNameServerInterval = TimeSpan.FromDays(24), Remoting = Good with { IdleTimeout = TimeSpan.FromDays(24) } }).Validate();

    private static RocketMQClientOptions Client() => new() { NameServerAddresses = ["127.0.0.1:1"], ClientId = "c" };

    private static void AssertRefused(string field, Func<object?> act)
    {
        var refused = Assert.Throws<RocketMQConfigurationException>(() => _ = act());
        Assert.Equal(field, refused.Field);
        Assert.NotNull(refused.Value);
        Assert.NotEmpty(refused.Expected);
    }
}

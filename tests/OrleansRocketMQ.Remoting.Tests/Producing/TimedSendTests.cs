using System.Text;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Producing;

/// <summary>Messages that are to come at a time: to brokers that hold them back to it, and to those that know delay levels only.</summary>
public sealed class TimedSendTests : IAsyncLifetime
{
    private const int V4 = ProtocolVersion.StandardJsonRoutes;
    private static readonly byte[] Body = "later"u8.ToArray();

    private readonly FakeCluster _cluster = new();
    private readonly TestLog _log = new();
    private readonly ScriptedPeer _broker;
    private readonly RocketMQClient _client;
    private readonly Producer _producer;
    private int _version = ProtocolVersion.Current;
    private bool _enabled = true;

    public TimedSendTests()
    {
        _broker = _cluster.AddBroker(Answer);
        _cluster.SetRoute("T", 1, ("a", 0, _broker.Address));
        _client = _cluster.NewClient(_log);
        _producer = new Producer(_client, new ProducerOptions { Group = "p" }, _log);
    }

    private Dictionary<string, string>[] Sent
        => [.. _broker.ReceivedOf(RequestCodes.SendMessageV2).Select(request => MessageProperties.Decode(Encoding.UTF8.GetBytes(request["i"]!)))];

    private IEnumerable<string> Warnings => _log.Entries.Where(entry => entry.Level == LogLevel.Warning).Select(entry => entry.Text);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _producer.DisposeAsync();
        await _client.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task A_time_and_a_delay_go_to_the_broker_as_they_are()
    {
        Assert.Null((await _producer.SendAsync(new Message("T", Body) { DeliverAt = DateTimeOffset.FromUnixTimeMilliseconds(123_456) }).InTime()).DelayLevel);
        await _producer.SendAsync(new Message("T", Body) { DeliverAfter = TimeSpan.FromMilliseconds(7_500) }).InTime();

        Assert.Equal(["123456", "7500"], [Sent[0]["TIMER_DELIVER_MS"], Sent[1]["TIMER_DELAY_MS"]]);
        Assert.All(Sent, properties => Assert.DoesNotContain("DELAY", properties.Keys));
        Assert.Empty(Warnings);
    }

    [Theory]
    [InlineData(0.2, 1)]
    [InlineData(2.9, 1)]
    [InlineData(3, 2)]
    [InlineData(7, 2)]
    [InlineData(50, 5)]
    [InlineData(90, 6)]
    [InlineData(5400, 18)]
    [InlineData(200_000, 18)]
    public async Task A_broker_of_version_4_gets_the_nearest_level(double seconds, int level)
    {
        _version = V4;
        var result = await _producer.SendAsync(new Message("T", Body) { DeliverAfter = TimeSpan.FromSeconds(seconds) }).InTime();

        Assert.Equal(level, result.DelayLevel);
        Assert.Equal($"{level}", Assert.Single(Sent)["DELAY"]);
        Assert.DoesNotContain(Sent[0].Keys, name => name.StartsWith("TIMER_", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_broker_whose_timers_are_switched_off_is_told_of_once_and_not_asked_again()
    {
        _enabled = false;
        var soon = DateTimeOffset.UtcNow.AddSeconds(60);
        Assert.Equal(5, (await _producer.SendAsync(new Message("T", Body) { DeliverAt = soon }).InTime()).DelayLevel);
        Assert.Equal(5, (await _producer.SendAsync(new Message("T", Body) { DeliverAt = soon }).InTime()).DelayLevel);

        Assert.Equal(3, Sent.Length);
        Assert.Contains("timerWheelEnable is false", Assert.Single(Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_time_that_is_past_is_no_level()
    {
        _version = V4;
        var result = await _producer.SendAsync(new Message("T", Body) { DeliverAt = DateTimeOffset.UnixEpoch }).InTime();
        Assert.Equal(0, result.DelayLevel);
        Assert.DoesNotContain("DELAY", Assert.Single(Sent).Keys);
    }

    [Fact]
    public async Task A_send_one_way_of_a_timed_message_asks_whether_it_was_stored()
    {
        _enabled = false;
        await _producer.SendOneWayAsync(new Message("T", Body) { DeliverAfter = TimeSpan.FromSeconds(5) }).InTime();
        Assert.All(_broker.ReceivedOf(RequestCodes.SendMessageV2), request => Assert.False(request.IsOneWay));
        Assert.Equal("2", Sent[^1]["DELAY"]);
    }

    [Fact]
    public async Task Transactions_and_batches_with_a_time_are_refused_by_name()
    {
        var timed = new Message("T", Body) { DeliverAfter = TimeSpan.FromSeconds(5) };
        var half = await Assert.ThrowsAsync<RocketMQValidationException>(() => _producer.SendHalfAsync(timed));
        Assert.Equal("Time of a message of a transaction", half.Field);
        var batch = await Assert.ThrowsAsync<RocketMQValidationException>(
            () => _producer.SendAsync([new Message("T", Body), new Message("T", Body) { DeliverAt = DateTimeOffset.UtcNow }]));
        Assert.Equal("Time of a message in the batch", batch.Field);
        Assert.Empty(Sent);
    }

    [Fact]
    public void Of_a_time_a_delay_and_a_level_the_last_one_set_holds()
    {
        var message = new Message("T", Body) { DelayLevel = 3, DeliverAt = DateTimeOffset.UnixEpoch.AddTicks(1), ["TIMER_OUT_MS"] = "1" };
        message.DeliverAt = DateTimeOffset.UnixEpoch.AddTicks(1);
        Assert.Equal(["TIMER_DELIVER_MS"], message.Properties.Keys);
        Assert.Equal(DateTimeOffset.FromUnixTimeMilliseconds(1), message.DeliverAt);

        message.DeliverAfter = TimeSpan.FromMinutes(7);
        Assert.Equal((null, TimeSpan.FromMinutes(7), 0), (message.DeliverAt, message.DeliverAfter, message.DelayLevel));
        message.DeliverAt = null;
        Assert.Equal(TimeSpan.FromMinutes(7), message.DeliverAfter);
        message.DelayLevel = 2;
        Assert.Equal((null, null, 2), (message.DeliverAt, message.DeliverAfter, message.DelayLevel));
        message.DeliverAt = null;
        Assert.Equal(2, message.DelayLevel);
        Assert.Throws<RocketMQValidationException>(() => message.DeliverAfter = TimeSpan.FromSeconds(-1));
        message["TIMER_DELAY_SEC"] = "9";
        Assert.Equal(TimeSpan.FromSeconds(9), message.DeliverAfter);
    }

    private RemotingCommand? Answer(RemotingCommand request)
    {
        if (request.Code != RequestCodes.SendMessageV2)
        {
            return Of(request, ResponseCodes.Success);
        }

        var isTimed = request["i"]!.Contains("TIMER_DELAY", StringComparison.Ordinal) || request["i"]!.Contains("TIMER_DELIVER", StringComparison.Ordinal);
        return isTimed && !_enabled
            ? Of(request, ResponseCodes.SystemError, "accurate timer message is not enabled, timerWheelEnable is false")
            : Of(request, ResponseCodes.Success).Set("msgId", "7F00000100002A9F00000000000001DC").Set("queueId", request["e"]).Set("queueOffset", 1);
    }

    private RemotingCommand Of(RemotingCommand request, int code, string? remark = null)
        => new() { Code = code, Opaque = request.Opaque, Flag = 1, Remark = remark, Version = _version, SerializeType = request.SerializeType };
}

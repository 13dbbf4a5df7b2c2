using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Retry;

/// <summary>Where a failed message goes, and what a copy of it says when its broker does not take the message itself.</summary>
public sealed class RetryPublisherTests
{
    private static readonly MessageQueue Queue = new("T", "broker-a", 0);

    private readonly DispatchLab _lab = new();

    public RetryPublisherTests() => _lab.Options.MaxReconsumeTimes = 16;

    [Theory]
    [InlineData(0, 2, 3, 5)]
    [InlineData(7, 2, 3, 7)]
    public void A_copy_comes_again_later_with_each_failure_or_when_the_listener_wants_it(int level, int failed, int times, int delay)
    {
        Assert.Equal(PublishOutcome.Taken, SendBack(level, failed));

        var copy = Assert.Single(_lab.Brokers.Copies);
        Assert.Equal((SystemTopics.Retry("g"), times, 16), (copy.Topic, copy.ReconsumeTimes, copy.MaxReconsumeTimes));
        Assert.Contains($"{MessageProperties.DelayTimeLevel}\u0001{delay}\u0002", copy.Properties, StringComparison.Ordinal);
        Assert.Empty(_lab.Brokers.SentBack);
    }

    /// <summary>Brokers know no level for a copy that is to die: they go by how often it has failed.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(20)]
    public void The_copy_of_one_that_is_to_die_says_that_it_has_failed_too_often(int failed)
    {
        Assert.Equal(PublishOutcome.Taken, SendBack(FailedMessage.ToDeadLetters, failed));

        Assert.Equal(Math.Max(16, failed) + 1, Assert.Single(_lab.Brokers.Copies).ReconsumeTimes);
    }

    /// <summary>Brokers of version 4 keep a dead letter with a delay level waiting for its time.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(20)]
    public void A_dead_letter_with_its_cause_waits_for_nothing_counts_its_own_failures_and_stays_at_its_broker(int failed)
    {
        var cause = new FailureCause("bad", "kind", failed + 1, DateTimeOffset.UnixEpoch);
        var message = TestMessages.At(3, reconsumeTimes: failed);
        Assert.Equal(PublishOutcome.Taken, _lab.World.Get(() => _lab.Retry.SendBackAsync(
            Queue, message, Failed(FailedMessage.ToDeadLetters), CancellationToken.None, cause)));

        var copy = Assert.Single(_lab.Brokers.Copies);
        Assert.DoesNotContain(MessageProperties.DelayTimeLevel + "\u0001", copy.Properties, StringComparison.Ordinal);
        Assert.Equal((failed + 1, Math.Min(16, failed), message.BrokerName), (copy.ReconsumeTimes, copy.MaxReconsumeTimes, copy.BrokerName));
    }

    /// <summary>Why it is one may be just what brokers do not take.</summary>
    [Fact]
    public void A_dead_letter_that_is_taken_neither_with_its_cause_nor_by_request_goes_without_it()
    {
        var refusals = 1;
        _lab.Brokers.Faults["copy"] = () => refusals-- > 0 ? FakeBrokers.Refusal(ResponseCodes.SystemError) : null;
        _lab.Brokers.Faults["sendback"] = static () => FakeBrokers.Refusal(ResponseCodes.SystemError);
        var cause = new FailureCause("bad", "kind", 1, DateTimeOffset.UnixEpoch);

        Assert.Equal(
            PublishOutcome.Taken, _lab.World.Get(() => _lab.Retry.FileAsDeadAsync(Queue, TestMessages.At(3), CancellationToken.None, cause)));

        var copy = Assert.Single(_lab.Brokers.Copies);
        Assert.Equal((17, 16), (copy.ReconsumeTimes, copy.MaxReconsumeTimes));
        Assert.DoesNotContain(MessageProperties.DeadLetterReason, copy.Properties, StringComparison.Ordinal);
    }

    [Fact]
    public void One_that_its_broker_takes_goes_there_and_no_copy_does()
    {
        _lab.Brokers.Faults.Clear();

        Assert.Equal(PublishOutcome.Taken, _lab.World.Get(() => _lab.Retry.SendBackAsync(Queue, TestMessages.At(3), Failed(4), CancellationToken.None)));

        var sent = Assert.Single(_lab.Brokers.SentBack);
        Assert.Equal(("g", 3L, 4, 16), (sent.Group, sent.Message.QueueOffset, sent.DelayLevel, sent.MaxReconsumeTimes));
        Assert.Empty(_lab.Brokers.Copies);
    }

    [Fact]
    public void What_is_to_come_at_a_time_goes_as_a_copy_that_says_it_and_nothing_of_the_time_it_had()
    {
        _lab.Brokers.HasTimers = true;
        var timed = TestMessages.At(3, reconsumeTimes: 1, properties: new()
        {
            [MessageProperties.TimerDelaySeconds] = "60",
            [MessageProperties.TimerOutMilliseconds] = "1000",
            ["TIMER_DEQUEUE_MS"] = "1001",
            ["colour"] = "red",
        });

        Assert.Equal(PublishOutcome.Taken, SendBackAfter(timed, TimeSpan.FromMinutes(7)));

        var copy = Assert.Single(_lab.Brokers.Copies);
        var said = MessageProperties.Decode(System.Text.Encoding.UTF8.GetBytes(copy.Properties));
        Assert.Equal($"{_lab.World.Time.GetUtcNow().AddMinutes(7).ToUnixTimeMilliseconds()}", said[MessageProperties.TimerDeliverMilliseconds]);
        Assert.Equal(("red", 2, 16), (said["colour"], copy.ReconsumeTimes, copy.MaxReconsumeTimes));
        Assert.Equal([MessageProperties.TimerDeliverMilliseconds], said.Keys.Where(name => name.StartsWith("TIMER", StringComparison.Ordinal)));
        Assert.DoesNotContain(MessageProperties.DelayTimeLevel, said.Keys);
        Assert.Empty(_lab.Brokers.SentBack);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Without_timers_or_when_a_broker_does_not_take_the_time_it_comes_by_a_delay_level(bool hasTimers)
    {
        _lab.Brokers.HasTimers = hasTimers;
        _lab.Brokers.Faults["copy"] = static () => new BrokerResponseException(
            RequestCodes.SendMessageV2, ResponseCodes.MessageIllegal, "too far off", "broker");

        Assert.Equal(PublishOutcome.Taken, SendBackAfter(TestMessages.At(3), TimeSpan.FromMinutes(7)));

        Assert.Equal(11, Assert.Single(_lab.Brokers.SentBack).DelayLevel);
    }

    [Fact]
    public void One_that_has_failed_too_often_waits_for_no_time()
    {
        _lab.Brokers.HasTimers = true;

        Assert.Equal(PublishOutcome.Taken, SendBackAfter(TestMessages.At(3, reconsumeTimes: 16), TimeSpan.FromMinutes(7)));

        Assert.Empty(_lab.Brokers.Copies);
        Assert.Single(_lab.Brokers.SentBack);
    }

    private static FailedMessage Failed(int level) => new(0, level, null);

    private PublishOutcome SendBackAfter(MessageExt message, TimeSpan after) => _lab.World.Get(() => _lab.Retry.SendBackAsync(
        Queue, message, new(0, DelayLevels.Of(after), null) { RetryAfter = after }, CancellationToken.None));

    private PublishOutcome SendBack(int level, int failed)
    {
        _lab.Brokers.Faults["sendback"] = static () => new BrokerNotAvailableException("away");
        return _lab.World.Get(() => _lab.Retry.SendBackAsync(
            Queue, TestMessages.At(3, reconsumeTimes: failed), Failed(level), CancellationToken.None));
    }
}

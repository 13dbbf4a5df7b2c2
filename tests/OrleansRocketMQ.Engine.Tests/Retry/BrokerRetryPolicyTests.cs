using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Retry;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Retry;

/// <summary>A group that goes by what its brokers say of failed messages.</summary>
public sealed class BrokerRetryPolicyTests
{
    private const string Broker = "broker-a";
    private static readonly MessageQueue Queue = new("T", Broker, 0);

    private readonly DispatchLab _lab = new();
    private readonly BrokerRetryPolicy _policy;

    public BrokerRetryPolicyTests()
    {
        _lab.Options.MaxReconsumeTimes = 16;
        _lab.Routes.Topics["T"] = TopicRoute.From("T", new() { QueueDatas = [new() { BrokerName = Broker, ReadQueueNums = 1 }] });
        _policy = new(_lab.Rules, _lab.Brokers, _lab.Routes, () => ["T"], _lab.World.Time, _lab.Log.For<BrokerRetryPolicy>());
    }

    [Theory]
    [InlineData(0, 3)]
    [InlineData(1, 4)]
    [InlineData(2, 4)]
    [InlineData(-1, 3)]
    public void A_customized_policy_begins_with_its_third_time_and_ends_with_its_last(int failures, int seconds)
    {
        _lab.Rules.Broker = Customized(1000, 2000, 3000, 4000);

        Assert.Equal(TimeSpan.FromSeconds(seconds), _lab.Rules.DelayAfter(failures));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 3)]
    [InlineData(2, 9)]
    [InlineData(3, 20)]
    [InlineData(1000, 20)]
    public void An_exponential_policy_waits_longer_and_longer(int failures, int seconds)
    {
        _lab.Rules.Broker = Exponential(1000, 20_000, 3);

        Assert.Equal(TimeSpan.FromSeconds(seconds), _lab.Rules.DelayAfter(failures));
    }

    [Fact]
    public void What_no_broker_means_is_kept_in_bounds()
    {
        _lab.Rules.Broker = Exponential(long.MaxValue, long.MaxValue, long.MaxValue) with { RetryMaxTimes = -1 };
        Assert.Equal((TimeSpan.FromDays(40), 0), (_lab.Rules.DelayAfter(9), _lab.Rules.MaxReconsumeTimes));

        _lab.Rules.Broker = Customized(-5);
        Assert.Equal((TimeSpan.Zero, 16), (_lab.Rules.DelayAfter(0), _lab.Rules.MaxReconsumeTimes));
    }

    [Fact]
    public void A_group_without_a_policy_of_its_own_waits_as_ever_and_fails_as_often_as_its_broker_says()
    {
        _lab.Brokers.GroupConfig = new() { RetryMaxTimes = 3, GroupRetryPolicy = new() { Type = "CUSTOMIZED" } };
        Look();

        Assert.Null(_lab.Rules.DelayAfter(0));
        SendBack(new(0, 0, null), failed: 2);
        Assert.Equal((0, 3), (_lab.Brokers.SentBack[0].DelayLevel, _lab.Brokers.SentBack[0].MaxReconsumeTimes));
        Assert.True(_lab.Retry.IsLast(TestMessages.At(3, reconsumeTimes: 3), delayLevel: 0));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void In_no_order_a_message_comes_again_after_the_policys_time_or_the_level_that_is_not_shorter(bool hasTimers)
    {
        _lab.Brokers.HasTimers = hasTimers;
        _lab.Rules.Broker = Exponential(20_000, 100_000, 2);

        SendBack(new(0, 0, null), failed: 1);

        if (hasTimers)
        {
            var due = _lab.World.Time.GetUtcNow().AddSeconds(40).ToUnixTimeMilliseconds();
            Assert.Contains($"{MessageProperties.TimerDeliverMilliseconds}\u0001{due}\u0002", Assert.Single(_lab.Brokers.Copies).Properties, StringComparison.Ordinal);
        }
        else
        {
            Assert.Equal(5, Assert.Single(_lab.Brokers.SentBack).DelayLevel);
        }
    }

    [Fact]
    public void What_the_listener_wants_counts_more()
    {
        _lab.Brokers.HasTimers = true;
        _lab.Rules.Broker = Exponential(20_000, 100_000, 2);

        SendBack(new(0, 2, null), failed: 1);
        SendBack(new(0, 4, null) { RetryAfter = TimeSpan.FromSeconds(7) }, failed: 1);

        Assert.Equal(2, Assert.Single(_lab.Brokers.SentBack).DelayLevel);
        var due = _lab.World.Time.GetUtcNow().AddSeconds(7).ToUnixTimeMilliseconds();
        Assert.Contains($"\u0001{due}\u0002", Assert.Single(_lab.Brokers.Copies).Properties, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_new_is_told_once_and_a_broker_that_is_away_changes_nothing()
    {
        _lab.Brokers.GroupConfig = Exponential(1000, 2000, 2) with { RetryMaxTimes = 3 };
        Look();
        Look();
        _lab.Brokers.Faults["groupconfig"] = static () => new BrokerNotAvailableException("away");
        Look();

        Assert.Equal(3, _lab.Rules.MaxReconsumeTimes);
        Assert.Single(_lab.Log.Texts, line => line.Contains("they may fail 3 times", StringComparison.Ordinal));
    }

    [Fact]
    public void What_a_broker_refuses_is_told_once_and_the_options_go_until_it_answers_again()
    {
        _lab.Brokers.GroupConfig = new() { RetryMaxTimes = 3 };
        Look();
        _lab.Brokers.Faults["groupconfig"] = static () => new BrokerResponseException(
            RequestCodes.GetSubscriptionGroupConfig, ResponseCodes.NoPermission, "not for you", Broker);
        Look();
        Look();

        Assert.Equal(16, _lab.Rules.MaxReconsumeTimes);
        Assert.Single(_lab.Log.Texts, line => line.Contains("not for you", StringComparison.Ordinal));

        _lab.Brokers.Faults.Clear();
        Look();
        Assert.Equal(3, _lab.Rules.MaxReconsumeTimes);
    }

    [Theory]
    [InlineData(ResponseCodes.SystemBusy)]
    [InlineData(ResponseCodes.SystemError)]
    public void A_broker_that_does_not_answer_now_changes_nothing(int code)
    {
        _lab.Brokers.GroupConfig = new() { RetryMaxTimes = 30 };
        Look();
        _lab.Brokers.Faults["groupconfig"] = () => new BrokerResponseException(
            RequestCodes.GetSubscriptionGroupConfig, code, "not now", Broker);
        Look();

        Assert.Equal(30, _lab.Rules.MaxReconsumeTimes);
        Assert.DoesNotContain(_lab.Log.Texts, line => line.Contains("its own settings", StringComparison.Ordinal));
    }

    [Fact]
    public void Until_there_is_a_first_answer_it_is_asked_soon_again()
    {
        using var stopping = new CancellationTokenSource();
        _lab.Brokers.GroupConfig = new() { RetryMaxTimes = 30 };
        var route = _lab.Routes.Topics["T"];
        _lab.Routes.Topics.Remove("T", out _);
        _ = _lab.World.Begin(() => _policy.RunAsync(TimeSpan.FromSeconds(20), stopping.Token));
        _lab.World.Wait(2);
        Assert.Equal(0, _lab.Brokers.CountOf("groupconfig"));

        _lab.Routes.Topics["T"] = route;
        _lab.World.Wait(1);
        Assert.Equal((30, 1), (_lab.Rules.MaxReconsumeTimes, _lab.Brokers.CountOf("groupconfig")));

        _lab.World.Wait(15);
        Assert.Equal(1, _lab.Brokers.CountOf("groupconfig"));
        stopping.Cancel();
        _lab.World.Steps.Run();
    }

    [Fact]
    public void A_group_that_is_just_being_made_is_no_news()
    {
        _lab.Brokers.GroupConfig = new() { RetryMaxTimes = 3 };
        _lab.Brokers.Faults["groupconfig"] = static () => new BrokerResponseException(
            RequestCodes.GetSubscriptionGroupConfig, ResponseCodes.SubscriptionGroupNotExist, "No group in this broker", Broker);
        Look();
        Assert.Equal(16, _lab.Rules.MaxReconsumeTimes);
        Assert.Empty(_lab.Log.Texts);

        _lab.Brokers.Faults.Clear();
        Look();
        Assert.Equal(3, _lab.Rules.MaxReconsumeTimes);
    }

    [Fact]
    public void A_broker_that_does_not_know_the_question_for_one_group_is_asked_for_all()
    {
        _lab.Brokers.GroupConfig = new() { RetryMaxTimes = 3 };
        _lab.Brokers.Faults["groupconfig"] = static () => new BrokerResponseException(
            RequestCodes.GetSubscriptionGroupConfig, ResponseCodes.RequestCodeNotSupported, "request type 352 not supported", Broker);
        Look();

        Assert.Equal((3, 1), (_lab.Rules.MaxReconsumeTimes, _lab.Brokers.CountOf("allgroups")));
    }

    [Fact]
    public void It_is_asked_at_once_and_then_from_time_to_time_until_the_group_stops()
    {
        using var stopping = new CancellationTokenSource();
        var running = _lab.World.Begin(() => _policy.RunAsync(TimeSpan.FromSeconds(20), stopping.Token));
        Assert.Equal(1, _lab.Brokers.CountOf("groupconfig"));

        _lab.World.Wait(41);
        Assert.Equal(3, _lab.Brokers.CountOf("groupconfig"));

        stopping.Cancel();
        _lab.World.Steps.Run();
        Assert.True(running.IsCompletedSuccessfully);
    }

    private static SubscriptionGroupConfig Customized(params long[] next)
        => new() { GroupRetryPolicy = new() { Type = "CUSTOMIZED", CustomizedRetryPolicy = new() { Next = next } } };

    private static SubscriptionGroupConfig Exponential(long initial, long max, long multiplier) => new()
    {
        GroupRetryPolicy = new()
        {
            Type = "EXPONENTIAL",
            ExponentialRetryPolicy = new() { Initial = initial, Max = max, Multiplier = multiplier },
        },
    };

    private void Look() => _lab.World.Do(() => _policy.LookAsync(CancellationToken.None));

    private void SendBack(FailedMessage failure, int failed) => Assert.Equal(PublishOutcome.Taken, _lab.World.Get(() => _lab.Retry.SendBackAsync(
        Queue, TestMessages.At(3, reconsumeTimes: failed), failure, CancellationToken.None)));
}

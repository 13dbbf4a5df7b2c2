using Orleans.Runtime;
using OrleansRocketMQ.Subscriptions;
using OrleansRocketMQ.Testing;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Subscriptions;

public sealed class SubscriptionManagerTests
{
    [Fact]
    public async Task Every_operation_does_what_it_says_on_every_silo()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeAsync(silos: 2);
        var (one, two) = (cluster.Consumer(rocketmq.MyGroup).Subscriptions, cluster.Consumer(rocketmq.MyGroup, silo: 1).Subscriptions);

        await one.SubscribeAsync("a", MessageSelector.ByTag("x || y"));
        await two.SubscribeAsync("b");
        await one.UpdateSelectorAsync("b", MessageSelector.BySql("price > 10"));
        await two.DeactivateAsync("a");
        await one.SubscribeAsync("b", MessageSelector.BySql("price > 10"));
        string[] expected = ["a TAG: x || y False", "b SQL92: price > 10 True", $"{TestRocketMQ.Topic} TAG: * True"];
        Assert.Equal(expected, Describe(one));
        Assert.Equal(expected, Describe(two));
        Assert.Equal((3, true, false), (two.Count, two.IsSubscribed("a"), two.IsSubscribed("c")));
        Assert.Null(two.Find("c"));
        Assert.Equal("a", two.Get("a").Topic);

        var exported = two.Export();
        await two.ClearAsync();
        Assert.Equal(0, one.Count);
        await one.ImportAsync(exported);
        Assert.Equal(expected, Describe(two));
        await one.ImportAsync("""{"subscriptions":[{"topic":"only"}]}""", replace: true);
        Assert.Equal(["only TAG: * True"], Describe(two));
        await two.UnsubscribeAsync("only");
        Assert.Empty(one.List());

        Assert.Equal((0, 0, 5L, 0L, 0L), (one.Metrics.Count, one.Metrics.Active, one.Metrics.Changes, one.Metrics.Conflicts, one.Metrics.Refused));
        Assert.True(one.Metrics.Applied >= 6, $"{one.Metrics}");
    }

    [Fact]
    public async Task Every_refusal_has_its_own_error_and_changes_nothing()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeAsync(configure: options => options.MaxSubscriptions = 2);
        var subscriptions = cluster.Consumer(rocketmq.MyGroup).Subscriptions;
        await subscriptions.SubscribeAsync("a", MessageSelector.ByTag("x"));
        var before = subscriptions.List();

        await ThrowsAsync<InvalidTopicException>(RocketMQErrorCode.InvalidTopic, () => subscriptions.SubscribeAsync("no good"));
        await ThrowsAsync<InvalidTopicException>(RocketMQErrorCode.InvalidTopic, () => subscriptions.SubscribeAsync(rocketmq.RetryTopic));
        await ThrowsAsync<InvalidSelectorException>(RocketMQErrorCode.InvalidSelector, () => subscriptions.ValidateAsync("a", MessageSelector.BySql("price >")));
        await ThrowsAsync<NotSubscribedException>(RocketMQErrorCode.NotSubscribed, () => subscriptions.UnsubscribeAsync("b"));
        await ThrowsAsync<SubscriptionConflictException>(RocketMQErrorCode.SubscriptionConflict, () => subscriptions.SubscribeAsync("a", MessageSelector.ByTag("z")));
        await ThrowsAsync<SubscriptionLimitExceededException>(RocketMQErrorCode.SubscriptionLimitExceeded, () => subscriptions.SubscribeAsync("c"));
        Assert.Equal("b", Assert.Throws<NotSubscribedException>(() => subscriptions.Get("b")).Topic);
        var data = await Assert.ThrowsAsync<SubscriptionDataException>(() => subscriptions.ImportAsync("[]"));

        Assert.Equal(RocketMQErrorCode.SubscriptionData, data.Code);
        Assert.Equal(before, subscriptions.List());
        Assert.Equal((1L, 1L), (subscriptions.Metrics.Changes, subscriptions.Metrics.Conflicts));

        async Task ThrowsAsync<T>(RocketMQErrorCode code, Func<Task> act)
            where T : SubscribeException
        {
            var error = await Assert.ThrowsAsync<T>(act);
            Assert.Equal(code, error.Code);
            Assert.NotEmpty(error.Topic);
        }
    }

    [Fact]
    public async Task Decisions_outlive_the_silo_of_their_coordinator()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeAsync(silos: 2);
        await cluster.Consumer(rocketmq.MyGroup).Subscriptions.SubscribeAsync("a");
        var coordinator = cluster.Silos.Client.GetGrain<ISubscriptionCoordinatorGrain>(rocketmq.MyGroup);
        var management = cluster.Silos.Client.GetGrain<IManagementGrain>(0);
        var where = await management.GetActivationAddress(coordinator);
        var survivor = cluster.Silos.Silos.Single(silo => !silo.SiloAddress.Equals(where));
        var other = cluster.Silos.Silos.Single(silo => silo.SiloAddress.Equals(where));
        var subscriptions = cluster.Consumer(rocketmq.MyGroup, cluster.Silos.Silos.IndexOf(survivor)).Subscriptions;

        await cluster.Silos.StopSiloAsync(other);
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    await subscriptions.SubscribeAsync("b");
                    return true;
                }
                catch (OrleansMessageRejectionException)
                {
                    return false;
                }
            },
            "another coordinator");

        Assert.Equal(["a", "b", TestRocketMQ.Topic], subscriptions.List().Select(subscription => subscription.Topic));
        await Assert.ThrowsAsync<SubscriptionConflictException>(() => subscriptions.SubscribeAsync("a", MessageSelector.ByTag("x")));
    }

    [Fact]
    public async Task A_change_right_after_the_silo_of_the_coordinator_has_gone_is_known_everywhere_when_it_returns()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeAsync(silos: 3, setUp: options => options.RebalanceInterval = TimeSpan.FromMinutes(10));
        var coordinator = cluster.Silos.Client.GetGrain<ISubscriptionCoordinatorGrain>(rocketmq.MyGroup);
        var where = await cluster.Silos.Client.GetGrain<IManagementGrain>(0).GetActivationAddress(coordinator);
        var rest = Enumerable.Range(0, 3).Where(silo => !cluster.Silos.Silos[silo].SiloAddress.Equals(where)).Select(silo => cluster.Consumer(rocketmq.MyGroup, silo).Subscriptions).ToArray();

        await cluster.Silos.StopSiloAsync(cluster.Silos.Silos.Single(silo => silo.SiloAddress.Equals(where)));
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    await rest[0].SubscribeAsync("a");
                    return true;
                }
                catch (OrleansMessageRejectionException)
                {
                    return false;
                }
            },
            "another coordinator");

        Assert.True(rest[1].IsSubscribed("a"));
    }

    [Fact]
    public async Task Thousands_of_subscriptions_answer_right()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await rocketmq.ConsumeAsync();
        var subscriptions = cluster.Consumer(rocketmq.MyGroup).Subscriptions;
        var topics = string.Join(',', Enumerable.Range(0, 2000).Select(number => $$"""{"topic":"topic_{{number}}","expression":"tag_{{number}}","active":false}"""));

        await subscriptions.ImportAsync($$"""{"subscriptions":[{{topics}}]}""");

        Assert.Equal(2001, subscriptions.Count);
        Assert.All(Enumerable.Range(0, 2000), number => Assert.Equal($"tag_{number}", subscriptions.Get($"topic_{number}").Selector.Expression));
        Assert.False(subscriptions.IsSubscribed("topic_2000"));
        Assert.Equal((2001, 1), (subscriptions.Metrics.Count, subscriptions.Metrics.Active));
    }

    private static IEnumerable<string> Describe(ISubscriptionManager subscriptions)
        => subscriptions.List().Select(subscription => $"{subscription.Topic} {subscription.Selector} {subscription.IsActive}");
}

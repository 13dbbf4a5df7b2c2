using OrleansRocketMQ.Subscriptions;

namespace OrleansRocketMQ.Tests.Subscriptions;

public sealed class SubscriptionJsonTests
{
    [Fact]
    public void What_is_written_is_read_back()
    {
        SubscriptionInfo[] subscriptions =
        [
            new() { Topic = "a", Selector = MessageSelector.All },
            new() { Topic = "b", Selector = MessageSelector.ByTag("x || y"), IsActive = false },
            new() { Topic = "c", Selector = MessageSelector.BySql("color = 'red' AND price <> \"1\"") },
        ];

        Assert.Equal(subscriptions, SubscriptionJson.Read(SubscriptionJson.Write("g", subscriptions)));
    }

    [Theory]
    [InlineData("", "line 1")]
    [InlineData("{\n\"subscriptions\": [}", "line 2")]
    [InlineData("[]", "the text")]
    [InlineData("{\"subscriptions\": {}}", "the text")]
    [InlineData("{\"subscriptions\": [1]}", "subscriptions[0]")]
    [InlineData("{\"subscriptions\": [{}]}", "subscriptions[0].topic")]
    [InlineData("{\"subscriptions\": [{\"topic\":\"a\"},{\"topic\":7}]}", "subscriptions[1].topic")]
    [InlineData("{\"subscriptions\": [{\"topic\":\"a\"},{\"topic\":\"a\"}]}", "subscriptions[1]")]
    [InlineData("{\"subscriptions\": [{\"topic\":\"a\",\"type\":\"XML\"}]}", "subscriptions[0].type")]
    [InlineData("{\"subscriptions\": [{\"topic\":\"a\",\"type\":\"SQL92\"}]}", "subscriptions[0].expression")]
    [InlineData("{\"subscriptions\": [{\"topic\":\"a\",\"expression\":\"||\"}]}", "subscriptions[0].expression")]
    [InlineData("{\"subscriptions\": [{\"topic\":\"a\",\"active\":\"yes\"}]}", "subscriptions[0].active")]
    public void A_text_that_is_wrong_is_refused_where_it_is_wrong(string json, string where)
        => Assert.Equal(where, Assert.Throws<SubscriptionDataException>(() => SubscriptionJson.Read(json)).Where);
}

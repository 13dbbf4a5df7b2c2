using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Listeners;

public sealed class DeclaredListenerTests
{
    [Fact]
    public async Task A_listener_by_declaration_consumes_its_topics_without_a_word_of_code()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        foreach (var topic in new[] { "declared_all", "declared_tags", "declared_sql" })
        {
            rocketmq.Embedded.CreateTopic(topic, 1);
        }

        ScriptedListener.Script(DeclaredListener.Group, rocketmq.Recorder.Succeed());
        await using var cluster = await TestCluster.StartAsync(rocketmq.Embedded.NameServerAddress, _ => { });
        await cluster.UntilReadyAsync(DeclaredListener.Group);
        await SendAsync(rocketmq, "declared_all", "1");
        await SendAsync(rocketmq, "declared_tags", "2", tags: "b");
        await SendAsync(rocketmq, "declared_tags", "not this", tags: "c");
        await SendAsync(rocketmq, "declared_sql", "not that", price: "5");
        await SendAsync(rocketmq, "declared_sql", "3", price: "15");
        await SendAsync(rocketmq, "declared_tags", "4", tags: "a");
        await rocketmq.Recorder.UntilAsync(4);

        Assert.Equal(["1", "2", "3", "4"], rocketmq.Recorder.Bodies.Order());
    }

    private static async Task SendAsync(TestRocketMQ rocketmq, string topic, string body, string? tags = null, string? price = null)
    {
        var message = new Message(topic, System.Text.Encoding.UTF8.GetBytes(body)) { Tags = tags };
        message["price"] = price;
        await rocketmq.Producer.SendAsync(message);
    }
}

using System.Text;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>
/// POP as brokers from 5.0 on speak it, request by request. What must not come again is shown by what does: both are due at once.
/// </summary>
[Collection(RocketMQCollection.Name)]
public sealed class PopProtocolTests(RocketMQCluster rocketmq)
{
    // Time enough for what is to be done meanwhile. Brokers take two to three seconds more, and some more when their clocks tick badly.
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(4);

    private static readonly TimeSpan Long = TimeSpan.FromMinutes(5);

    private readonly string _group = RocketMQCluster.NewName("group");
    private IReadOnlyList<MessageExt> _last = [];

    private BrokerClient Brokers => rocketmq.Client.Brokers;

    [Fact]
    public async Task What_is_popped_moves_the_offset_and_what_is_acknowledged_does_not_come_again()
    {
        var (topic, queue) = await StartAsync("a", "b", "c");
        var messages = await TakeAsync(queue, 3, Short);
        Assert.Equal(["a", "b", "c"], messages.Select(Text));
        Assert.All(messages, message => Assert.Equal((topic, 0), (message.Topic, message.ReconsumeTimes)));
        Assert.All(messages, message => Assert.Equal((PopTopicKind.Normal, queue.BrokerName), (message.ReceiptHandle!.Value.Kind, message.ReceiptHandle.Value.BrokerName)));
        Assert.True(await AckAsync(topic, messages[0]));
        Assert.True(await AckAsync(topic, messages[2]));
        await Eventually.TrueAsync(async () => await rocketmq.CommittedAsync(_group, topic) == 3, "the offset behind what was popped");

        var again = await TakeAsync(queue, 1, Short);
        Assert.Equal([("b", 1)], again.Select(message => (Text(message), message.ReconsumeTimes)));
        var handle = again[0].ReceiptHandle!.Value;
        Assert.Equal(PopTopicKind.RetryV1, handle.Kind);
        Assert.Equal(messages[1].GetProperty(MessageProperties.FirstPopTime), again[0].GetProperty(MessageProperties.FirstPopTime));

        // Once more, from the retry topic.
        var third = await TakeAsync(queue, 1, Long);
        Assert.Equal([("b", 2)], third.Select(message => (Text(message), message.ReconsumeTimes)));
        Assert.True(await AckAsync(topic, third[0]));
    }

    [Fact]
    public async Task What_came_again_can_be_acknowledged_where_it_lies()
    {
        var (topic, queue) = await StartAsync("a", "b");
        await TakeAsync(queue, 2, Short);
        var again = await TakeAsync(queue, 2, Short);
        Assert.All(again, message => Assert.Equal(PopTopicKind.RetryV1, message.ReceiptHandle!.Value.Kind));
        Assert.True(await AckAsync(topic, again.Single(message => Text(message) == "a")));

        var third = await TakeAsync(queue, 1, Long);
        Assert.Equal([("b", 2)], third.Select(message => (Text(message), message.ReconsumeTimes)));
        Assert.True(await AckAsync(topic, third[0]));
    }

    [Fact]
    public async Task After_a_change_of_the_invisible_time_the_handle_that_came_with_it_counts_and_no_other()
    {
        var (topic, queue) = await StartAsync("a", "b");
        var messages = await TakeAsync(queue, 2, Long);
        var master = rocketmq.MasterOf(queue);
        var before = messages[1].ReceiptHandle!.Value;
        var first = (await Brokers.ChangeInvisibleTimeAsync(master, _group, topic, messages[0].ReceiptHandle!.Value, Short))!.Value;
        var second = (await Brokers.ChangeInvisibleTimeAsync(master, _group, topic, before, Short))!.Value;
        Assert.Equal((Short.TotalMilliseconds, before.QueueOffset), (second.InvisibleTime, second.CheckpointOffset));
        Assert.True(second.PopTime > before.PopTime);
        Assert.True(await Brokers.AckAsync(master, _group, topic, first));
        Assert.True(await Brokers.AckAsync(master, _group, topic, before));

        var again = await TakeAsync(queue, 1, Long);
        Assert.Equal([("b", 1)], again.Select(message => (Text(message), message.ReconsumeTimes)));
        Assert.True(await AckAsync(topic, again[0]));
    }

    [Fact]
    public async Task Many_are_acknowledged_at_once()
    {
        var (topic, queue) = await StartAsync([.. Enumerable.Range(0, 20).Select(number => $"{number}")]);
        var messages = await TakeAsync(queue, 20, Short);
        await Brokers.BatchAckAsync(
            rocketmq.MasterOf(queue), _group, topic, [.. messages.Where(message => Text(message) is not ("7" or "19")).Select(message => message.ReceiptHandle!.Value)]);

        var again = await TakeAsync(queue, 2, Long);
        Assert.Equal(["19", "7"], again.Select(Text).Order());
        await Brokers.BatchAckAsync(rocketmq.MasterOf(queue), _group, topic, [.. again.Select(message => message.ReceiptHandle!.Value)]);
    }

    [Theory]
    [InlineData("blue || red", SubscriptionData.TagType)]
    [InlineData("color = 'blue' OR color = 'red'", SubscriptionData.Sql92Type)]
    public async Task Only_messages_that_are_wanted_come(string expression, string type)
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.SendAsync(topic, ["blue", "green", "red"], message =>
        {
            message.Tags = Encoding.UTF8.GetString(message.Body.Span);
            message["color"] = message.Tags;
        });
        var queue = (await rocketmq.Client.Routes.GetAsync(topic)).ReadQueues[0];
        var messages = new List<MessageExt>();
        await Eventually.TrueAsync(
            async () =>
            {
                messages.AddRange(await PopAsync(queue, Long, request => request with { Expression = expression, ExpressionType = type }));
                return messages.Count >= 2;
            },
            "two messages");
        Assert.Equal(["blue", "red"], messages.Select(Text));
        Assert.All(await Task.WhenAll(messages.Select(message => AckAsync(topic, message))), Assert.True);
    }

    [Fact]
    public async Task In_order_a_queue_goes_on_when_what_it_gave_is_done_or_gives_the_same_again()
    {
        var (topic, queue) = await StartAsync("a", "b", "c", "d");
        var messages = await TakeInOrderAsync(queue, max: 2, Long);
        Assert.Equal([("a", 0), ("b", 0)], messages);
        Assert.Empty(await PopAsync(queue, Long, InOrder));
        Assert.Empty(await PopAsync(queue, Long, InOrder));
        await AckLastAsync(topic, 1);
        Assert.Empty(await PopAsync(queue, Long, InOrder));
        await AckLastAsync(topic, 0);

        Assert.Equal([("c", 0)], await TakeInOrderAsync(queue, max: 1, Short));
        Assert.Equal([("c", 1), ("d", 0)], await TakeInOrderAsync(queue, max: 2, Long));
        await AckLastAsync(topic, 0);
        Assert.Equal(3, await rocketmq.CommittedAsync(_group, topic));
        var changed = await Brokers.ChangeInvisibleTimeAsync(rocketmq.MasterOf(queue), _group, topic, _last[1].ReceiptHandle!.Value, Short);
        Assert.True(changed!.Value.IsOrdered);
        Assert.Null(await Brokers.ChangeInvisibleTimeAsync(rocketmq.MasterOf(queue), _group, topic, _last[0].ReceiptHandle!.Value, Short));
        Assert.Equal([("d", 1)], await TakeInOrderAsync(queue, max: 2, Long));
        await AckLastAsync(topic, 0);
        Assert.Equal(4, await rocketmq.CommittedAsync(_group, topic));
    }

    [Fact]
    public async Task A_pop_that_waits_is_answered_when_a_message_comes_and_one_for_nothing_when_its_time_is_up()
    {
        var (topic, queue) = await StartAsync();
        Assert.Equal(PopStatus.NotFound, (await Brokers.PopAsync(rocketmq.MasterOf(queue), Request(queue, Long))).Status);

        var asking = Brokers.WaitForMessagesAsync(rocketmq.MasterOf(queue), Request(queue, Long) with { PollTime = TimeSpan.FromSeconds(10) });
        await rocketmq.SendAsync(topic, ["a"]);
        Assert.Equal(PopStatus.Found, await asking);
        var waiting = Brokers.PopAsync(rocketmq.MasterOf(queue), Request(queue, Long) with { PollTime = TimeSpan.FromSeconds(10), MaxMessages = 1 });
        Assert.Equal("a", Text(Assert.Single((await waiting).Decode())));

        var next = Brokers.PopAsync(rocketmq.MasterOf(queue), Request(queue, Long) with { PollTime = TimeSpan.FromSeconds(10) });
        await rocketmq.SendAsync(topic, ["b"]);
        Assert.Equal("b", Text(Assert.Single((await next).Decode())));
        Assert.Equal(PopStatus.NotFound, await Brokers.WaitForMessagesAsync(rocketmq.MasterOf(queue), Request(queue, Long)));
    }

    [Fact]
    public async Task What_makes_no_sense_is_refused_with_the_same_codes()
    {
        var (topic, queue) = await StartAsync("a");
        var master = rocketmq.MasterOf(queue);
        var message = (await TakeAsync(queue, 1, Long))[0];
        var handle = message.ReceiptHandle!.Value;
        Assert.Equal(ResponseCodes.InvalidParameter, await CodeOf(Brokers.PopAsync(master, Request(queue, Long) with { MaxMessages = 33 })));
        Assert.Equal(ResponseCodes.InvalidParameter, await CodeOf(Brokers.PopAsync(master, Request(queue with { QueueId = 9 }, Long))));
        Assert.Equal(ResponseCodes.TopicNotExist, await CodeOf(Brokers.PopAsync(master, Request(queue with { Topic = RocketMQCluster.NewName("no") }, Long))));
        Assert.Equal(ResponseCodes.SubscriptionParseFailed, await CodeOf(Brokers.PopAsync(master, Request(queue, Long) with { Expression = "a = ", ExpressionType = SubscriptionData.Sql92Type })));
        Assert.Equal(ResponseCodes.MessageIllegal, await CodeOf(Brokers.AckAsync(master, _group, topic, handle with { QueueId = 9 })));
        Assert.Equal(ResponseCodes.TopicNotExist, await CodeOf(Brokers.AckAsync(master, _group, topic, handle with { Kind = PopTopicKind.RetryV2 })));
        Assert.False(await Brokers.AckAsync(master, _group, topic, handle with { QueueOffset = 1000 }));
        Assert.Null(await Brokers.ChangeInvisibleTimeAsync(master, _group, topic, handle with { QueueOffset = 1 }, Long));
        Assert.Equal(ResponseCodes.NoPermission, await CodeOf(Brokers.SetMessageRequestModeAsync(master, SystemTopics.Retry(_group), _group, MessageRequestMode.Pop)));
        Assert.Equal(ResponseCodes.TopicNotExist, await CodeOf(Brokers.SetMessageRequestModeAsync(master, RocketMQCluster.NewName("no"), _group, MessageRequestMode.Pop)));

        // What no longer counts is taken all the same.
        Assert.True(await Brokers.AckAsync(master, _group, topic, handle with { PopTime = 1 }));
        Assert.True(await AckAsync(topic, message));
        Assert.True(await AckAsync(topic, message));
    }

    private static string Text(MessageExt message) => Encoding.UTF8.GetString(message.Body.Span);

    private static PopRequest InOrder(PopRequest request) => request with { Ordered = true };

    private static async Task<int> CodeOf(Task asking) => (await Assert.ThrowsAsync<BrokerResponseException>(() => asking)).ResponseCode;

    private PopRequest Request(MessageQueue queue, TimeSpan invisibleTime) => new(_group, queue)
    {
        InitMode = PopInitMode.Min,
        InvisibleTime = invisibleTime,
        PollTime = TimeSpan.FromMilliseconds(300),
    };

    private async Task<(string Topic, MessageQueue Queue)> StartAsync(params string[] bodies)
    {
        var topic = await rocketmq.CreateTopicAsync(queues: 1);
        await rocketmq.SendAsync(topic, bodies);
        return (topic, (await rocketmq.Client.Routes.GetAsync(topic)).ReadQueues[0]);
    }

    private Task<bool> AckAsync(string topic, MessageExt message)
        => Brokers.AckAsync(rocketmq.MasterOf(new(topic, message.BrokerName, 0)), _group, topic, message.ReceiptHandle!.Value);

    private async Task AckLastAsync(string topic, int index) => Assert.True(await AckAsync(topic, _last[index]));

    private async Task<IReadOnlyList<MessageExt>> PopAsync(MessageQueue queue, TimeSpan invisibleTime, Func<PopRequest, PopRequest>? change = null)
    {
        var request = Request(queue, invisibleTime);
        try
        {
            return (await Brokers.PopAsync(rocketmq.MasterOf(queue), change?.Invoke(request) ?? request)).Decode();
        }
        catch (BrokerResponseException exception) when (exception.ResponseCode == ResponseCodes.PollingTimeout)
        {
            // A broker that got it late by its clock has not looked.
            return [];
        }
    }

    /// <summary>Pops until so many have come.</summary>
    private async Task<List<MessageExt>> TakeAsync(MessageQueue queue, int count, TimeSpan invisibleTime)
    {
        var messages = new List<MessageExt>();
        await Eventually.TrueAsync(
            async () =>
            {
                messages.AddRange(await PopAsync(queue, invisibleTime));
                return messages.Count >= count;
            },
            $"{count} messages");
        Assert.Equal(count, messages.Count);
        return messages;
    }

    private async Task<IReadOnlyList<(string Body, int ReconsumeTimes)>> TakeInOrderAsync(MessageQueue queue, int max, TimeSpan invisibleTime)
    {
        _last = await Eventually.GetAsync(
            async () => await PopAsync(queue, invisibleTime, request => InOrder(request) with { MaxMessages = max }) is { Count: > 0 } popped ? popped : null,
            "messages in order");
        return [.. _last.Select(message => (Text(message), message.ReconsumeTimes))];
    }
}

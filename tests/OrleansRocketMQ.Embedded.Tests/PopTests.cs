using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

/// <summary>Groups that pop: what is in work, what comes again, and what is waited for.</summary>
public class PopTests
{
    [Fact]
    public async Task What_is_acknowledged_never_comes_again()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await PopClient.ConnectAsync(test);
        await SendAsync(member, "a", "b", "c");

        var messages = await member.TakeAsync();
        Assert.Equal(["a", "b", "c"], messages.Select(message => message.Text()));
        Assert.Equal((3, 3L), (test.Broker.PoppedMessages("g", "orders"), test.Broker.CommittedOffset("g", "orders", 0)));
        foreach (var message in messages)
        {
            (await member.AckAsync(message)).Succeeded();
        }

        Assert.Equal(0, test.Broker.PoppedMessages("g", "orders"));
        test.Time.Advance(TimeSpan.FromMinutes(5));
        Assert.Empty(await TakeAllAsync(member));
        Assert.Equal(0, test.Broker.QueueCount("%RETRY%g_orders"));
    }

    [Fact]
    public async Task What_is_in_work_is_nobody_elses_until_its_time_is_over()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await PopClient.ConnectAsync(test);
        var other = await PopClient.ConnectAsync(test);
        await SendAsync(member, "a");

        var message = Assert.Single(await member.TakeAsync());
        Assert.Equal(PopTopicKind.Normal, message.ReceiptHandle!.Value.Kind);
        test.Time.Advance(TimeSpan.FromSeconds(9.9));
        Assert.Empty(await TakeAllAsync(other));
        test.Time.Advance(TimeSpan.FromSeconds(0.2));

        var again = Assert.Single(await TakeAllAsync(other));
        Assert.Equal(("a", 1, "orders"), (again.Text(), again.ReconsumeTimes, again.Topic));
        Assert.Equal(PopTopicKind.RetryV1, again.ReceiptHandle!.Value.Kind);
        Assert.Equal(message.GetProperty("1ST_POP_TIME"), again.GetProperty("1ST_POP_TIME"));
        Assert.Equal(test.Broker.Address, again.BornHost.ToString());
        Assert.Equal("%RETRY%g_orders", test.Broker.Messages("%RETRY%g_orders").Single().Topic);

        // Too late: it counts for nobody.
        (await member.AckAsync(message)).Succeeded();
        Assert.Equal(1, test.Broker.PoppedMessages("g", "orders"));
        (await other.AckAsync(again)).Succeeded();
        Assert.Equal(0, test.Broker.PoppedMessages("g", "orders"));
    }

    [Fact]
    public async Task A_message_that_fails_again_and_again_stays_in_the_retry_topic_and_is_counted()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await PopClient.ConnectAsync(test);
        await SendAsync(member, ("a", "blue"));

        for (var times = 0; times < 5; times++)
        {
            var message = Assert.Single(await TakeAllAsync(member, "blue"));
            Assert.Equal((times, "blue"), (message.ReconsumeTimes, message.Tags));
            test.Time.Advance(PopClient.Invisible);
            test.Time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal([1, 2, 3, 4, 5], test.Broker.Messages("%RETRY%g_orders").Select(message => message.ReconsumeTimes));
        Assert.Equal(5, test.Broker.CommittedOffset("g", "%RETRY%g_orders", 0) + 1);
    }

    [Fact]
    public async Task Groups_do_not_see_what_others_pop()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await PopClient.ConnectAsync(test);
        var stranger = await PopClient.ConnectAsync(test, "h");
        await SendAsync(member, "a");
        Assert.Single(await member.TakeAsync());
        Assert.Single(await stranger.TakeAsync());
        test.Time.Advance(TimeSpan.FromSeconds(11));
        Assert.Single(await TakeAllAsync(member));
        Assert.Single(await TakeAllAsync(stranger));
    }

    [Fact]
    public async Task After_a_change_of_the_invisible_time_only_the_new_handle_counts()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await PopClient.ConnectAsync(test);
        await SendAsync(member, "a", "b");
        var messages = await member.TakeAsync();

        var before = messages[1].ReceiptHandle!.Value;
        var after = (await member.ChangeAsync(before, TimeSpan.FromSeconds(30)))!.Value;
        Assert.Equal((1L, 30_000L), (after.CheckpointOffset, after.InvisibleTime));
        (await member.AckAsync(before)).Succeeded();
        Assert.Equal(2, test.Broker.PoppedMessages("g", "orders"));

        test.Time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(["a"], (await TakeAllAsync(member)).Select(message => message.Text()));
        (await member.AckAsync(after)).Succeeded();
        test.Time.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal(["a"], (await TakeAllAsync(member)).Select(message => message.Text()));
    }

    [Fact]
    public async Task Changes_within_one_millisecond_lose_nothing()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await PopClient.ConnectAsync(test);
        await SendAsync(member, "a", "b");
        var handles = (await member.TakeAsync()).Select(message => message.ReceiptHandle!.Value).ToList();

        // The first message's new checkpoint would have the name of the pop's.
        var once = (await member.ChangeAsync(handles[0], TimeSpan.FromSeconds(20)))!.Value;
        var twice = (await member.ChangeAsync(once, TimeSpan.FromSeconds(5)))!.Value;
        Assert.Equal(3, new[] { handles[0].PopTime, once.PopTime, twice.PopTime }.Distinct().Count());
        Assert.Equal(2, test.Broker.PoppedMessages("g", "orders"));

        test.Time.Advance(TimeSpan.FromSeconds(6));
        Assert.Equal(["a"], (await TakeAllAsync(member)).Select(message => message.Text()));
        test.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(["b"], (await TakeAllAsync(member)).Select(message => message.Text()));
    }

    [Fact]
    public async Task An_invisible_time_of_nothing_offers_a_message_at_once()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await PopClient.ConnectAsync(test);
        await SendAsync(member, "a");
        await member.ChangeAsync((await member.TakeAsync())[0].ReceiptHandle!.Value, TimeSpan.Zero);
        test.Time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Equal(1, Assert.Single(await TakeAllAsync(member)).ReconsumeTimes);
    }

    [Fact]
    public async Task Many_are_acknowledged_at_once_from_several_pops_and_topics()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await PopClient.ConnectAsync(test);
        await SendAsync(member, "again");
        await member.TakeAsync();
        test.Time.Advance(TimeSpan.FromSeconds(11));
        await SendAsync(member, [.. Enumerable.Range(0, 40).Select(number => ($"{number}", "t"))], queues: 3);

        var messages = await TakeAllAsync(member);
        Assert.Equal(41, messages.Count);
        (await member.BatchAckAsync(messages.Where(message => message.Text() != "7"))).Succeeded();
        Assert.Equal(1, test.Broker.PoppedMessages("g", "orders"));
        test.Time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(["7"], (await TakeAllAsync(member)).Select(message => message.Text()));
        (await member.Client.InvokeAsync(RequestCodes.BatchAckMessage)).FailedWith(ResponseCodes.NoMessage);
    }

    [Fact]
    public async Task One_queue_is_popped_or_any()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await PopClient.ConnectAsync(test);
        await SendAsync(member, [("a", "t"), ("b", "t"), ("c", "t")], queues: 3);

        var one = await member.PopAsync(queueId: 1);
        Assert.Equal(["b"], one.Decode().Select(message => message.Text()));
        Assert.Equal(0, one.RestCount);
        Assert.Equal(["a", "c"], (await member.TakeAsync()).Select(message => message.Text()).Order());
        Assert.Empty(await member.TakeAsync());
    }

    [Fact]
    public async Task What_is_left_is_counted()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await PopClient.ConnectAsync(test);
        await SendAsync(member, [.. Enumerable.Range(0, 10).Select(number => ($"{number}", "t"))], queues: 2);
        var popped = await member.PopAsync(max: 3);
        Assert.Equal((3, 7L), (popped.Decode().Count, popped.RestCount));
    }

    [Theory]
    [InlineData("blue || red", "TAG")]
    [InlineData("TAGS IS NOT NULL AND TAGS IN ('blue', 'red')", "SQL92")]
    public async Task Only_messages_that_are_wanted_come_however_many_others_there_are(string expression, string type)
    {
        await using var test = await TestBroker.StartAsync();
        var member = await PopClient.ConnectAsync(test);
        foreach (var _ in Enumerable.Range(0, 9))
        {
            (await member.Client.SendBatchAsync("orders", Enumerable.Range(0, 100).Select(number => new Message("orders", "x"u8.ToArray()) { Tags = "green" }))).Succeeded();
        }

        await SendAsync(member, ("a", "blue"), ("b", "green"), ("c", "red"));

        var messages = await member.TakeAsync(exp: expression, expType: type);
        Assert.Equal(["a", "c"], messages.Select(message => message.Text()));
        Assert.Equal(903, test.Broker.CommittedOffset("g", "orders", 0));
        (await member.BatchAckAsync(messages)).Succeeded();
        Assert.Equal(0, test.Broker.PoppedMessages("g", "orders"));
    }

    [Theory]
    [InlineData(PopInitMode.Min, false, "a b")]
    [InlineData(PopInitMode.Max, false, "a b")]
    [InlineData(PopInitMode.Min, true, "b")]
    [InlineData(PopInitMode.Max, true, "c")]
    public async Task A_new_group_begins_where_it_says_unless_the_queue_still_has_its_first_message(PopInitMode mode, bool hasLostItsFirst, string expected)
    {
        await using var test = await TestBroker.StartAsync(options => options with { MaxStoreBytes = 1024 * 1024, MaxMessageSize = 256 * 1024 });
        var member = await PopClient.ConnectAsync(test);
        await SendAsync(member, "a");
        if (hasLostItsFirst)
        {
            for (var number = 0; test.Broker.MinOffset("orders", 0) == 0; number++)
            {
                await member.Client.SendBytesAsync(number == 0 ? "orders" : "filler", new byte[200 * 1024]);
                await SendAsync(member, "b");
            }

            await SendAsync(member, "c");
            Assert.Equal([expected], (await member.PopAsync(queueId: 0, max: 1, init: mode)).Decode().Select(message => message.Text()));
            return;
        }

        await SendAsync(member, "b");
        Assert.Equal(expected.Split(' '), (await member.PopAsync(queueId: 0, init: mode)).Decode().Select(message => message.Text()));
    }

    [Fact]
    public async Task A_reset_of_the_offset_moves_the_next_pop()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await PopClient.ConnectAsync(test);
        await SendAsync(member, "a", "b");
        await member.BatchAckAsync(await member.TakeAsync());
        (await member.Client.InvokeAsync(RequestCodes.InvokeBrokerToResetOffset, ("topic", "orders"), ("group", "g"), ("queueId", 0), ("offset", 1), ("timestamp", -1), ("isForce", true))).Succeeded();
        Assert.Equal(["b"], (await member.TakeAsync()).Select(message => message.Text()));
        Assert.Equal(2, test.Broker.CommittedOffset("g", "orders", 0));
    }

    [Fact]
    public async Task Retries_come_in_turn_with_new_messages()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await PopClient.ConnectAsync(test);
        await SendAsync(member, "again");
        await member.TakeAsync();
        test.Time.Advance(TimeSpan.FromSeconds(11));
        await SendAsync(member, [.. Enumerable.Range(0, 20).Select(number => ($"{number}", "t"))]);

        var bodies = new List<string>();
        while (!bodies.Contains("again"))
        {
            bodies.AddRange((await member.TakeAsync(max: 1)).Select(message => message.Text()));
        }

        Assert.InRange(bodies.Count, 1, 6);
    }

    [Fact]
    public async Task Retry_topics_of_version_2_are_filled_and_those_of_version_1_emptied()
    {
        using var folder = new TempFolder();
        var time = new FakeTimeProvider();
        await using (var test = await TestBroker.StartAsync(options => options with { DataFolder = folder.Path }, time))
        {
            var member = await PopClient.ConnectAsync(test);
            await SendAsync(member, "old");
            await member.TakeAsync();
            test.Time.Advance(TimeSpan.FromSeconds(11));
        }

        await using var again = await TestBroker.StartAsync(options => options with { DataFolder = folder.Path, EnableRetryTopicV2 = true }, time);
        var other = await PopClient.ConnectAsync(again);
        await SendAsync(other, "new");
        Assert.Equal(PopTopicKind.RetryV1, (await TakeAllAsync(other)).Single(message => message.Text() == "old").ReceiptHandle!.Value.Kind);
        again.Time.Advance(TimeSpan.FromSeconds(11));

        var messages = await TakeAllAsync(other);
        Assert.Equal([("new", PopTopicKind.RetryV2), ("old", PopTopicKind.RetryV1)], messages.Select(message => (message.Text(), message.ReceiptHandle!.Value.Kind)).Order());
        (await other.BatchAckAsync(messages)).Succeeded();
        Assert.Equal(0, again.Broker.PoppedMessages("g", "orders"));
    }

    [Fact]
    public async Task What_was_in_work_comes_again_after_a_restart_and_what_was_done_does_not()
    {
        using var folder = new TempFolder();
        var time = new FakeTimeProvider();
        ReceiptHandle kept;
        await using (var test = await TestBroker.StartAsync(options => options with { DataFolder = folder.Path }, time))
        {
            var member = await PopClient.ConnectAsync(test);
            await SendAsync(member, "a", "b", "c");
            var messages = await member.TakeAsync();
            kept = messages[2].ReceiptHandle!.Value;
            (await member.AckAsync(messages[1])).Succeeded();
        }

        await using var again = await TestBroker.StartAsync(options => options with { DataFolder = folder.Path }, time);
        var other = await PopClient.ConnectAsync(again);
        Assert.Empty(await TakeAllAsync(other));
        (await other.AckAsync(kept)).Succeeded();
        time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(["a"], (await TakeAllAsync(other)).Select(message => message.Text()));
    }

    [Fact]
    public async Task Nothing_in_work_is_lost_when_the_process_ends_without_a_word()
    {
        using var folder = new TempFolder();
        var time = new FakeTimeProvider();
        await using var test = await TestBroker.StartAsync(options => options with { DataFolder = folder.Path }, time);
        var member = await PopClient.ConnectAsync(test);
        await SendAsync(member, "a", "b");
        await member.TakeAsync(max: 1);
        time.Advance(TimeSpan.FromSeconds(6));
        await member.TakeAsync(max: 1);

        // As a crash leaves it: the second pop is not in the state that was saved last.
        using var copy = folder.Copy();
        await using var again = await TestBroker.StartAsync(options => options with { DataFolder = copy.Path }, time);
        var other = await PopClient.ConnectAsync(again);
        time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(["a", "b"], (await TakeAllAsync(other)).Select(message => message.Text()).Order());
    }

    [Fact]
    public async Task A_topic_that_is_deleted_takes_along_what_was_popped_of_it()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await PopClient.ConnectAsync(test);
        await SendAsync(member, "a", "b");
        await member.TakeAsync(max: 1);
        test.Time.Advance(TimeSpan.FromSeconds(11));
        await member.TakeAsync(max: 2);
        Assert.True(test.Broker.DeleteTopic("orders"));
        Assert.Equal((0, 0), (test.Broker.PoppedMessages("g", "orders"), test.Broker.QueueCount("%RETRY%g_orders")));

        await SendAsync(member, "new");
        test.Time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(["new"], (await TakeAllAsync(member)).Select(message => message.Text()));
    }

    [Fact]
    public async Task Members_that_pop_at_once_have_each_message_once()
    {
        await using var test = await TestBroker.StartAsync();
        var members = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => PopClient.ConnectAsync(test)));
        await SendAsync(members[0], [.. Enumerable.Range(0, 400).Select(number => ($"{number}", "t"))], queues: 3);

        var taken = await Task.WhenAll(members.Select(async member => await TakeAllAsync(member, max: 7, acknowledge: true)));
        Assert.Equal(Enumerable.Range(0, 400), taken.SelectMany(messages => messages).Select(message => int.Parse(message.Text(), System.Globalization.CultureInfo.InvariantCulture)).Order());
        Assert.Equal(0, test.Broker.PoppedMessages("g", "orders"));
    }

    [Fact]
    public async Task What_cannot_be_answered_is_refused_as_by_a_real_broker()
    {
        await using var test = await TestBroker.StartAsync();
        var member = await PopClient.ConnectAsync(test);
        (await member.AskAsync()).FailedWith(ResponseCodes.TopicNotExist);
        test.Broker.CreateTopic("orders", 2);
        (await member.AskAsync(max: 33)).FailedWith(ResponseCodes.InvalidParameter);
        (await member.AskAsync(queueId: 2)).FailedWith(ResponseCodes.InvalidParameter);
        (await member.AskAsync(exp: "a = ", expType: "SQL92")).FailedWith(ResponseCodes.SubscriptionParseFailed);
        (await member.AskAsync(exp: "a", expType: "OTHER")).FailedWith(ResponseCodes.SubscriptionParseFailed);
        (await member.AskAsync(pollMillis: 1000, born: member.Now - 1501)).FailedWith(ResponseCodes.PollingTimeout);
        (await member.AskAsync()).FailedWith(ResponseCodes.PollingTimeout);
        Assert.Equal("the broker[127.0.0.1] pop message's num is greater than 32", (await member.AskAsync(max: 33)).Remark);

        var handle = new ReceiptHandle(0, member.Now, 1000, 0, PopTopicKind.Normal, "broker-a", 0, 0);
        (await member.AckAsync(handle with { QueueId = 2 })).FailedWith(ResponseCodes.MessageIllegal);
        (await member.AckAsync(handle with { QueueOffset = 1 })).FailedWith(ResponseCodes.NoMessage);
        (await member.AckAsync(handle with { Kind = PopTopicKind.RetryV1 })).FailedWith(ResponseCodes.TopicNotExist);
        (await member.AskChangeAsync(handle, TimeSpan.Zero)).FailedWith(ResponseCodes.NoMessage);
        (await member.Client.InvokeAsync(RequestCodes.AckMessage, ("consumerGroup", "g"), ("topic", "orders"), ("queueId", 0), ("offset", 0), ("extraInfo", "x"))).FailedWith(ResponseCodes.SystemError);
    }

    [Fact]
    public async Task Without_a_timer_wheel_nobody_pops_and_no_message_has_a_time_of_its_own()
    {
        await using var test = await TestBroker.StartAsync(options => options with { TimerWheelEnable = false });
        var member = await PopClient.ConnectAsync(test);
        await SendAsync(member, "a");
        (await member.AskAsync()).FailedWith(ResponseCodes.SystemError);
        (await member.Client.SendAsync("orders", "later", properties: [("TIMER_DELAY_SEC", "5")])).FailedWith(ResponseCodes.SystemError);
    }

    private static Task SendAsync(PopClient member, params string[] bodies)
        => SendAsync(member, [.. bodies.Select(body => (body, "t"))]);

    private static Task SendAsync(PopClient member, params (string Body, string Tag)[] messages) => SendAsync(member, messages, queues: 1);

    private static async Task SendAsync(PopClient member, (string Body, string Tag)[] messages, int queues)
    {
        foreach (var (index, (body, tag)) in messages.Index())
        {
            (await member.Client.SendAsync("orders", body, tag, queueId: index % queues)).Succeeded();
        }
    }

    /// <summary>Pops until nothing comes any more.</summary>
    private static async Task<List<MessageExt>> TakeAllAsync(PopClient member, string expression = "*", int max = 32, bool acknowledge = false)
    {
        var all = new List<MessageExt>();
        while (await member.TakeAsync(max: max, exp: expression) is { Count: > 0 } messages)
        {
            all.AddRange(messages);
            if (acknowledge)
            {
                (await member.BatchAckAsync(messages)).Succeeded();
            }
        }

        return all;
    }
}

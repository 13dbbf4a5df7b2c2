using System.Text;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Tests;

public class RestartTests
{
    [Fact]
    public async Task Messages_topics_groups_and_offsets_survive_in_a_folder()
    {
        using var folder = new TempFolder();
        var time = new FakeTimeProvider();
        MessageExt[] before;
        await using (var test = await StartAsync(folder, time))
        {
            test.RocketMQ.CreateTopic("orders", 3);
            var client = await test.ConnectAsync();
            await client.InvokeAsync(RequestCodes.UpdateAndCreateSubscriptionGroup, """{"groupName":"g","retryMaxTimes":3,"groupRetryPolicy":{"type":"CUSTOMIZED","customizedRetryPolicy":{"next":[1000]}}}"""u8.ToArray());
            await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));
            for (var i = 0; i < 100; i++)
            {
                await client.SendAsync("orders", $"m{i}", i % 2 == 0 ? "even" : "odd", queueId: i % 3);
            }

            await OffsetTests.CommitAsync(client, "g", "orders", 1, 17);
            before = [.. test.Broker.Messages("orders")];
        }

        await using (var test = await StartAsync(folder, time))
        {
            var client = await test.ConnectAsync();
            var after = test.Broker.Messages("orders");
            Assert.Equal(before.Select(Describe), after.Select(Describe));
            Assert.Equal(3, test.Broker.QueueCount("orders"));
            Assert.Equal(1, test.Broker.QueueCount("%RETRY%g"));
            Assert.Equal(17, test.Broker.CommittedOffset("g", "orders", 1));
            var settings = (await client.InvokeAsync(RequestCodes.GetSubscriptionGroupConfig, ("group", "g"))).BodyText();
            Assert.Contains("\"retryMaxTimes\":3", settings, StringComparison.Ordinal);
            Assert.Contains("""{"type":"CUSTOMIZED","customizedRetryPolicy":{"next":[1000]}}""", settings, StringComparison.Ordinal);
            Assert.Equal("34", (await client.SendAsync("orders", "new")).Succeeded()["queueOffset"]);
            Assert.All((await client.PullAsync("g", "orders", 0, subscription: "even")).Messages(), message => Assert.Equal("even", message.Tags));
        }
    }

    [Fact]
    public async Task Nothing_of_a_cut_tail_is_left_and_everything_before_it_is()
    {
        using var folder = new TempFolder();
        await using (var test = await StartAsync(folder))
        {
            var client = await test.ConnectAsync();
            foreach (var body in new[] { "one", "two", "three" })
            {
                await client.SendAsync("orders", body);
            }
        }

        var log = Directory.GetFiles(Path.Combine(folder.Path, "broker-a", "commitlog")).Single();
        var whole = await File.ReadAllBytesAsync(log);
        var last = whole.Length - System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(whole.AsSpan(FindLast(whole)));
        foreach (var length in Enumerable.Range(last, whole.Length - last).Where(length => length % 7 == 0 || length > whole.Length - 3))
        {
            await File.WriteAllBytesAsync(log, whole[..length]);
            await using var test = await StartAsync(folder);
            Assert.Equal(["one", "two"], test.Broker.Messages("orders").Select(message => message.Text()));
            Assert.Equal(last, new FileInfo(log).Length);
            Assert.Equal("2", (await (await test.ConnectAsync()).SendAsync("orders", "again"))["queueOffset"]);
        }
    }

    [Fact]
    public async Task A_damaged_last_message_is_left_out_and_its_offset_is_not_given_again()
    {
        using var folder = new TempFolder();
        await using (var test = await StartAsync(folder))
        {
            var client = await test.ConnectAsync();
            await client.SendAsync("orders", "good");
            await client.SendAsync("orders", "spoilt");
        }

        var log = Directory.GetFiles(Path.Combine(folder.Path, "broker-a", "commitlog")).Single();
        var bytes = await File.ReadAllBytesAsync(log);
        bytes[bytes.AsSpan().IndexOf("spoilt"u8)] ^= 0x20;
        await File.WriteAllBytesAsync(log, bytes);

        await using var again = await StartAsync(folder);
        Assert.Equal(["good"], again.Broker.Messages("orders").Select(message => message.Text()));
        Assert.Equal("2", (await (await again.ConnectAsync()).SendAsync("orders", "next"))["queueOffset"]);
    }

    [Fact]
    public async Task A_crash_loses_no_message_that_was_answered_and_no_topic()
    {
        using var folder = new TempFolder();
        await using var test = await StartAsync(folder);
        var client = await test.ConnectAsync();
        for (var i = 0; i < 50; i++)
        {
            await client.SendAsync("orders", $"m{i}");
        }

        // What a process killed at this moment leaves behind.
        using var copy = folder.Copy();

        await using var survivor = await StartAsync(copy);
        Assert.Equal(Enumerable.Range(0, 50).Select(number => $"m{number}"), survivor.Broker.Messages("orders").Select(message => message.Text()));
    }

    [Fact]
    public async Task Offsets_are_saved_every_five_seconds()
    {
        using var folder = new TempFolder();
        await using var test = await StartAsync(folder);
        test.RocketMQ.CreateTopic("orders");
        var client = await test.ConnectAsync();
        await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));
        await OffsetTests.CommitAsync(client, "g", "orders", 0, 9);
        test.Time.Advance(TimeSpan.FromSeconds(5));
        using var copy = folder.Copy();

        await using var survivor = await StartAsync(copy);
        Assert.Equal(9, survivor.Broker.CommittedOffset("g", "orders", 0));
    }

    [Fact]
    public async Task Delayed_messages_and_open_transactions_go_on_after_a_restart()
    {
        using var folder = new TempFolder();
        var time = new FakeTimeProvider();
        Framing.RemotingCommand committed, open;
        await using (var test = await StartAsync(folder, time))
        {
            var client = await test.ConnectAsync();
            await client.SendAsync("orders", "due before", properties: [("DELAY", "1")]);
            time.Advance(TimeSpan.FromSeconds(2));
            await client.SendAsync("orders", "due after", properties: [("DELAY", "2")]);
            committed = await TransactionTests.SendHalfAsync(client, "bills", "committed");
            await TransactionTests.EndAsync(client, committed, MessageSysFlag.TransactionCommit);
            open = await TransactionTests.SendHalfAsync(client, "bills", "open");
        }

        await using (var test = await StartAsync(folder, time))
        {
            var client = await test.ConnectAsync();
            await client.HeartbeatAsProducerAsync("test_producer");
            Assert.Equal(["due before"], test.Broker.Messages("orders").Select(message => message.Text()));
            time.Advance(TimeSpan.FromSeconds(5));
            Assert.Equal(["due before", "due after"], test.Broker.Messages("orders").Select(message => message.Text()));

            time.Advance(TimeSpan.FromSeconds(30));
            await Eventually.TrueAsync(() => client.Received.Any(request => request.Code == RequestCodes.CheckTransactionState));
            var question = Assert.Single(client.Received, request => request.Code == RequestCodes.CheckTransactionState);
            Assert.Equal(open["msgId"], question["offsetMsgId"]);
        }
    }

    [Fact]
    public async Task A_deleted_topic_stays_deleted_and_begins_anew()
    {
        using var folder = new TempFolder();
        await using (var test = await StartAsync(folder))
        {
            var client = await test.ConnectAsync();
            await client.SendAsync("orders", "old");
            (await client.InvokeAsync(RequestCodes.DeleteTopicInBroker, ("topic", "orders"))).Succeeded();
            (await client.PullAsync("g", "orders", 0)).FailedWith(ResponseCodes.TopicNotExist);
        }

        await using (var test = await StartAsync(folder))
        {
            Assert.Equal(0, test.Broker.QueueCount("orders"));
            Assert.Equal("0", (await (await test.ConnectAsync()).SendAsync("orders", "new"))["queueOffset"]);
        }

        await using (var test = await StartAsync(folder))
        {
            Assert.Equal(["new"], test.Broker.Messages("orders").Select(message => message.Text()));
        }
    }

    [Fact]
    public async Task A_state_file_that_cannot_be_read_is_an_error_that_names_it()
    {
        using var folder = new TempFolder();
        Directory.CreateDirectory(Path.Combine(folder.Path, "broker-a"));
        await File.WriteAllTextAsync(Path.Combine(folder.Path, "broker-a", "state.json"), "{ not json");

        var error = await Assert.ThrowsAsync<RocketMQConfigurationException>(() => StartAsync(folder));
        Assert.Equal("DataFolder", error.Field);
        Assert.Contains("state.json", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stopped_broker_comes_back_on_its_port_with_all_it_had()
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));
        await client.SendAsync("orders", "x");
        var address = test.Broker.Address;

        await test.Broker.StopAsync();
        await client.Closed.WithinDeadline();
        Assert.False(test.Broker.IsRunning);
        await Assert.ThrowsAnyAsync<System.Net.Sockets.SocketException>(() => TestClient.ConnectAsync(address));

        await test.Broker.StartAsync();
        Assert.Equal(address, test.Broker.Address);
        Assert.Empty(test.Broker.ClientsOf("g"));
        Assert.Equal(["x"], (await (await test.ConnectAsync()).PullAsync("g", "orders", 0)).Bodies());
    }

    [Fact]
    public async Task The_oldest_messages_go_when_the_store_is_full_also_across_a_restart()
    {
        using var folder = new TempFolder();
        const int Size = 50_000;
        long min, max;
        await using (var test = await StartAsync(folder, change: Capped))
        {
            var client = await test.ConnectAsync();
            await client.SendAsync("bills", "early");
            for (var i = 0; i < 300; i++)
            {
                (await client.SendBytesAsync("orders", Encoding.ASCII.GetBytes($"{i} ".PadRight(Size)))).Succeeded();
            }

            min = test.Broker.MinOffset("orders", 0);
            max = test.Broker.MaxOffset("orders", 0);
            Assert.Equal(300, max);
            Assert.InRange(min, 200, 290);
            Assert.Equal((1, 1), (test.Broker.MinOffset("bills", 0), test.Broker.MaxOffset("bills", 0)));
            var moved = (await client.PullAsync("g", "orders", 0)).FailedWith(ResponseCodes.PullOffsetMoved);
            Assert.Equal($"{min}", moved["nextBeginOffset"]);
            Assert.StartsWith($"{min} ", (await client.PullAsync("g", "orders", min)).Bodies()[0], StringComparison.Ordinal);
            (await OffsetTests.QueryAsync(client, "g", "orders", 0)).FailedWith(ResponseCodes.QueryNotFound);
        }

        Assert.InRange(Directory.GetFiles(Path.Combine(folder.Path, "broker-a", "commitlog")).Sum(file => new FileInfo(file).Length), 1, 5_000_000);
        await using (var test = await StartAsync(folder, change: Capped))
        {
            Assert.Equal((min, max), (test.Broker.MinOffset("orders", 0), test.Broker.MaxOffset("orders", 0)));
            Assert.Equal((1, 1), (test.Broker.MinOffset("bills", 0), test.Broker.MaxOffset("bills", 0)));
            Assert.Equal("300", (await (await test.ConnectAsync()).SendAsync("orders", "x"))["queueOffset"]);
        }

        static EmbeddedRocketMQOptions Capped(EmbeddedRocketMQOptions options) => options with { MaxStoreBytes = 4_000_000, MaxMessageSize = 100_000 };
    }

    [Fact]
    public async Task A_second_broker_on_the_folder_of_a_running_one_does_not_start()
    {
        using var folder = new TempFolder();
        await using (var test = await StartAsync(folder))
        {
            var error = await Assert.ThrowsAsync<RocketMQConfigurationException>(() => StartAsync(folder));
            Assert.Equal("DataFolder", error.Field);
            await (await test.ConnectAsync()).SendAsync("orders", "x");
        }

        await using var next = await StartAsync(folder);
        Assert.Equal(["x"], next.Broker.Messages("orders").Select(message => message.Text()));
    }

    [Fact]
    public async Task Delayed_messages_delivered_before_the_last_save_do_not_come_again_after_a_crash()
    {
        using var folder = new TempFolder();
        var time = new FakeTimeProvider();
        await using var test = await StartAsync(folder, time);
        var client = await test.ConnectAsync();
        test.RocketMQ.CreateTopic("orders");
        for (var i = 0; i < 5; i++)
        {
            await client.SendAsync("orders", $"m{i}", properties: [("DELAY", "1")]);
        }

        time.Advance(TimeSpan.FromSeconds(1));
        time.Advance(TimeSpan.FromSeconds(5));
        using var copy = folder.Copy();

        await using var survivor = await StartAsync(copy, time);
        Assert.Equal(["m0", "m1", "m2", "m3", "m4"], survivor.Broker.Messages("orders").Select(message => message.Text()));
    }

    [Fact]
    public async Task A_delayed_message_that_cannot_be_stored_is_tried_again_until_it_can()
    {
        using var folder = new TempFolder();
        var time = new FakeTimeProvider();
        await using var test = await StartAsync(folder, time);
        var client = await test.ConnectAsync();
        (await client.SendBytesAsync("orders", new byte[700_000], properties: [("DELAY", "1")])).Succeeded();

        // The next segment cannot be made, as on a full disk.
        var log = Path.Combine(folder.Path, "broker-a", "commitlog");
        Directory.Move(log, log + "-away");
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Empty(test.Broker.Messages("orders"));

        Directory.Move(log + "-away", log);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Single(test.Broker.Messages("orders"));
    }

    private static Task<TestBroker> StartAsync(
        TempFolder folder, FakeTimeProvider? time = null, Func<EmbeddedRocketMQOptions, EmbeddedRocketMQOptions>? change = null)
        => TestBroker.StartAsync(options => (change?.Invoke(options) ?? options) with { DataFolder = folder.Path, BrokerName = "broker-a" }, time);

    private static string Describe(MessageExt message)
        => $"{message.Topic}/{message.QueueId}@{message.QueueOffset} {message.CommitLogOffset} {message.StoreTimestamp} {message.Text()} {message.Tags}";

    private static int FindLast(byte[] log)
    {
        var position = 0;
        while (true)
        {
            var size = System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(log.AsSpan(position));
            if (position + size == log.Length)
            {
                return position;
            }

            position += size;
        }
    }
}

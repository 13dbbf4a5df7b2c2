using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

public class FullDiskTests
{
    [Fact]
    public async Task What_cannot_be_stored_is_refused_and_what_was_acknowledged_survives()
    {
        long begun;
        using (var folder = new TempFolder())
        {
            await using var test = await StartAsync(folder, new FullDisk(long.MaxValue));
            test.RocketMQ.CreateTopic("orders", 1);
            begun = new FileInfo(folder.StateFile()).Length;
        }

        // From a disk that does not take the first record to one that takes some, each full at another byte of one.
        for (var room = 0; room < 2_000; room += 61)
        {
            using var folder = new TempFolder();
            var disk = new FullDisk((begun * 2) + 1_000 + room);
            await using var test = await StartAsync(folder, disk);
            test.RocketMQ.CreateTopic("orders", 1);
            var client = await test.ConnectAsync();
            var stored = new List<string>();
            await FillAsync(client, stored);
            var before = stored.Count;
            using var full = folder.Copy();

            disk.MakeRoom();
            var next = (await client.SendAsync("orders", "after")).Succeeded();
            Assert.Equal($"{before}", next["queueOffset"]);
            stored.Add("after");
            Assert.Equal(stored, test.Broker.Messages("orders").Select(message => message.Text()));
            using var image = folder.Copy();

            await AssertHoldsAsync(full, stored.Take(before));
            await AssertHoldsAsync(image, stored);
        }
    }

    [Fact]
    public async Task Of_a_batch_that_does_not_fit_nothing_is_stored()
    {
        using var folder = new TempFolder();
        var disk = new FullDisk(long.MaxValue);
        await using var test = await StartAsync(folder, disk);
        test.RocketMQ.CreateTopic("orders", 1);
        var client = await test.ConnectAsync();
        await client.SendAsync("orders", "before");
        disk.TakeOnly(500);
        Message[] batch = [.. Enumerable.Range(0, 8).Select(number => new Message("orders", new byte[200]))];

        (await client.SendBatchAsync("orders", batch)).FailedWith(ResponseCodes.ServiceNotAvailable);
        Assert.Equal(1, test.Broker.MaxOffset("orders", 0));
        using var full = folder.Copy();

        disk.MakeRoom();
        Assert.Equal("1", (await client.SendBatchAsync("orders", batch)).Succeeded()["queueOffset"]);
        Assert.Equal(9, test.Broker.MaxOffset("orders", 0));
        await AssertHoldsAsync(full, ["before"]);
    }

    [Fact]
    public async Task A_topic_whose_settings_cannot_be_saved_keeps_the_messages_it_gets()
    {
        using var folder = new TempFolder();
        var disk = new FullDisk(long.MaxValue);
        var time = new FakeTimeProvider();
        await using var test = await StartAsync(folder, disk, time);
        var client = await test.ConnectAsync();
        disk.TakeOnly(10);
        (await client.SendAsync("orders", "refused")).FailedWith(ResponseCodes.ServiceNotAvailable);

        disk.MakeRoom();
        (await client.SendAsync("orders", "one", queueId: 3)).Succeeded();
        using (var copy = folder.Copy())
        {
            await AssertHoldsAsync(copy, ["one"]);
        }

        // The state is tried again, without anybody asking.
        time.Advance(TimeSpan.FromSeconds(5));
        using var saved = folder.Copy();
        await using var survivor = await StartAsync(saved, new FullDisk(long.MaxValue));
        Assert.Equal(4, survivor.Broker.QueueCount("orders"));
    }

    [Fact]
    public async Task A_broker_stops_in_order_when_its_state_cannot_be_saved()
    {
        using var folder = new TempFolder();
        var disk = new FullDisk(long.MaxValue);
        await using (var test = await StartAsync(folder, disk))
        {
            await (await test.ConnectAsync()).SendAsync("orders", "one");
            disk.TakeOnly(0);
        }

        await AssertHoldsAsync(folder, ["one"]);
    }

    private static async Task FillAsync(TestClient client, List<string> stored)
    {
        while (true)
        {
            var body = $"m{stored.Count}";
            var answer = await client.SendAsync("orders", body);
            if (answer.Code != ResponseCodes.Success)
            {
                answer.FailedWith(ResponseCodes.ServiceNotAvailable);
                return;
            }

            stored.Add(body);
        }
    }

    private static async Task AssertHoldsAsync(TempFolder folder, IEnumerable<string> bodies)
    {
        await using var test = await StartAsync(folder, new FullDisk(long.MaxValue));
        Assert.Equal(bodies, test.Broker.Messages("orders").Select(message => message.Text()));
    }

    private static Task<TestBroker> StartAsync(TempFolder folder, FullDisk disk, FakeTimeProvider? time = null)
        => TestBroker.StartAsync(options => options with { DataFolder = folder.Path, BrokerName = "broker-a", Disk = disk }, time);
}

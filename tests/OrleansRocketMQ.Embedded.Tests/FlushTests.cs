using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

/// <summary>What was acknowledged is on the disk where that is asked for.</summary>
public sealed class FlushTests
{
    [Theory]
    [InlineData(FlushDiskType.Sync, 20)]
    [InlineData(FlushDiskType.Async, 0)]
    public async Task Every_message_that_was_acknowledged_is_on_the_disk_when_the_power_fails(FlushDiskType type, int onDisk)
    {
        using var folder = new TempFolder();
        var disk = new UnsafeDisk();
        await using var test = await StartAsync(folder, disk, type);
        var client = await test.ConnectAsync();
        for (var number = 0; number < 20; number++)
        {
            (await client.SendAsync("orders", $"m{number}")).Succeeded();
        }

        using var after = AfterPowerFailure(folder, disk);
        await using var survivor = await StartAsync(after, new(), type);

        Assert.Equal(
            Enumerable.Range(0, onDisk).Select(number => $"m{number}"),
            survivor.Broker.Messages("orders").Select(message => message.Text()));
    }

    [Fact]
    public async Task Messages_that_come_while_the_disk_writes_are_written_together()
    {
        using var folder = new TempFolder();
        var disk = new UnsafeDisk();
        await using var test = await StartAsync(folder, disk, FlushDiskType.Sync);
        var clients = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => test.ConnectAsync()));
        (await clients[0].SendAsync("orders", "makes the topic")).Succeeded();
        var before = disk.Flushes;

        disk.Gate.Reset();
        var sends = clients.Select((client, number) => client.SendAsync("orders", $"m{number}")).ToArray();
        await Eventually.TrueAsync(() => test.Broker.Messages("orders").Count == 9, "all to be stored");
        Assert.DoesNotContain(sends, send => send.IsCompleted);
        disk.Gate.Set();
        Assert.All(await Task.WhenAll(sends), answer => Assert.Equal(ResponseCodes.Success, answer.Code));

        // One that was under way with the first of them, and one for all others.
        Assert.InRange(disk.Flushes - before, 1, 2);
    }

    [Fact]
    public async Task A_message_that_cannot_be_written_to_the_disk_is_stored_and_says_so()
    {
        using var folder = new TempFolder();
        var disk = new UnsafeDisk { IsBroken = true };
        await using var test = await StartAsync(folder, disk, FlushDiskType.Sync);
        var client = await test.ConnectAsync();

        var answer = await client.SendAsync("orders", "x");

        Assert.Equal((ResponseCodes.FlushDiskTimeout, "0"), (answer.Code, answer["queueOffset"]));
        Assert.Single(test.Broker.Messages("orders"));
        disk.IsBroken = false;
        (await client.SendAsync("orders", "y")).Succeeded();
        Assert.Equal(2, Assert.Single(disk.Files).AsSpan().Count("orders"u8));
    }

    private static Task<TestBroker> StartAsync(TempFolder folder, UnsafeDisk disk, FlushDiskType type) => TestBroker.StartAsync(
        options => options with { DataFolder = folder.Path, BrokerName = "broker-a", Disk = disk, FlushDiskType = type });

    /// <summary>The folder as the disk has it: the commit log is as long as it was last told to write.</summary>
    private static TempFolder AfterPowerFailure(TempFolder folder, UnsafeDisk disk)
    {
        var copy = folder.Copy();
        var log = Assert.Single(Directory.GetFiles(Path.Combine(copy.Path, "broker-a", "commitlog")));
        File.WriteAllBytes(log, disk.Files.SingleOrDefault() ?? []);
        return copy;
    }
}

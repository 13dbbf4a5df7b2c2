using System.Buffers.Binary;
using System.Globalization;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

/// <summary>A broker's files as a crash may leave them: cut between two messages, and everywhere within one.</summary>
public sealed class CrashPointTests(CrashPointTests.Image image) : IClassFixture<CrashPointTests.Image>
{
    private const int Messages = 12;
    private const int Queues = 2;
    private const int EntrySize = 48;

    public static TheoryData<int> Records => [.. Enumerable.Range(0, Messages)];

    [Theory]
    [MemberData(nameof(Records))]
    public async Task Everything_before_a_cut_is_there_and_new_messages_follow_it(int record)
    {
        var (segment, position, size) = image.Places[record];
        var bytes = await File.ReadAllBytesAsync(image.Folder.Segments()[segment]);
        var fields = StoredFolder.Fields(bytes.AsSpan(position, size)).Values;
        foreach (var cut in fields.Concat(fields.Select(field => field + 1)).Append(size / 2).Distinct().Where(cut => cut < size))
        {
            using var folder = image.Folder.Copy();
            CutLog(folder, segment, position + cut);
            await AssertWholeAsync(folder, record);
        }
    }

    [Theory]
    [MemberData(nameof(Records))]
    public async Task What_is_kept_beside_the_log_may_be_cut_anywhere(int record)
    {
        // A record is written before its entry; both may be there in part. The log's truth is the log.
        var (segment, position, _) = image.Places[record];
        var entry = image.Places.Take(record).Count(place => place.Segment == segment) * EntrySize;
        foreach (var length in new[] { entry - EntrySize, entry - 5, entry, entry + 17 }.Where(length => length >= 0))
        {
            using var folder = image.Folder.Copy();
            CutLog(folder, segment, position);
            Cut(folder.Indexes()[segment], length);
            await AssertWholeAsync(folder, record);
        }
    }

    [Fact]
    public async Task A_segment_that_was_just_begun_may_be_without_its_second_file()
    {
        var begins = image.Places.FindIndex(place => place.Segment == 2);
        using var folder = image.Folder.Copy();
        CutLog(folder, 2, 0);
        File.Delete(folder.Indexes()[2]);
        await AssertWholeAsync(folder, begins);
    }

    [Fact]
    public async Task A_tail_of_zeros_is_cut_off()
    {
        // What some file systems leave of a write that a power failure interrupted.
        using var folder = image.Folder.Copy();
        CutLog(folder, image.Places[^1].Segment, image.Places[^1].Position);
        using (var file = File.Open(folder.Segments()[^1], FileMode.Append))
        {
            file.Write(new byte[5_000]);
        }

        await AssertWholeAsync(folder, Messages - 1);
    }

    [Fact]
    public async Task A_state_file_cut_anywhere_costs_no_message_and_brings_no_deleted_topic_back()
    {
        var state = await File.ReadAllBytesAsync(image.Folder.StateFile());
        var lengths = Enumerable.Range(0, state.Length).Where(length => length % 211 == 0 || length < 3 || length > state.Length - 3);
        foreach (var length in lengths)
        {
            using var folder = image.Folder.Copy();
            await File.WriteAllBytesAsync(folder.StateFile(), state[..length]);
            await AssertWholeAsync(folder, Messages);
        }
    }

    [Fact]
    public async Task A_topic_that_the_last_readable_state_does_not_know_comes_back_with_its_messages()
    {
        using var folder = new TempFolder();
        using var copy = await StoreAsync(folder, async client =>
        {
            await client.SendAsync("known", "x");
            await client.SendAsync("unknown", "one", queueId: 2);
            await client.SendAsync("unknown", "two", queueId: 2);
        });
        await File.WriteAllBytesAsync(copy.StateFile(), []);

        await using (var test = await StartAsync(copy))
        {
            Assert.Equal(["one", "two"], test.Broker.Messages("unknown").Select(message => message.Text()));
            Assert.Equal("2", (await (await test.ConnectAsync()).SendAsync("unknown", "three", queueId: 2)).Succeeded()["queueOffset"]);
        }

        await using var again = await StartAsync(copy);
        Assert.Equal(["one", "two", "three"], again.Broker.Messages("unknown").Select(message => message.Text()));
    }

    [Fact]
    public async Task Messages_survive_the_loss_of_the_whole_state()
    {
        using var folder = image.Folder.Copy();
        foreach (var file in Directory.GetFiles(Path.GetDirectoryName(folder.StateFile())!, "state.json*"))
        {
            File.Delete(file);
        }

        await using var test = await StartAsync(folder);
        Assert.Equal(image.All.Select(StoredFolder.Describe), test.Broker.Messages("orders").Select(StoredFolder.Describe));
    }

    [Fact]
    public async Task A_group_does_not_pass_over_messages_that_get_the_offsets_of_lost_ones()
    {
        using var folder = new TempFolder();
        var time = new FakeTimeProvider();
        using var copy = await StoreAsync(folder, async client =>
        {
            await client.HeartbeatAsync("g", subscriptions: TestClient.Tags("orders"));
            await client.SendAsync("orders", "one");
            await client.SendAsync("orders", "lost");
            await client.SendAsync("orders", "late", properties: [("DELAY", "1")]);
            await client.SendAsync("orders", "later", properties: [("DELAY", "1")]);
            time.Advance(TimeSpan.FromSeconds(1));
            await OffsetTests.CommitAsync(client, "g", "orders", 0, 4);
            time.Advance(TimeSpan.FromSeconds(5));
        }, time);
        var log = copy.Segments().Single();
        Cut(log, StoredFolder.Records(await File.ReadAllBytesAsync(log))[1]);

        await using var test = await StartAsync(copy, time);
        var client = await test.ConnectAsync();
        Assert.Equal(1, test.Broker.CommittedOffset("g", "orders", 0));
        await client.SendAsync("orders", "new");
        await client.SendAsync("orders", "new and late", properties: [("DELAY", "1")]);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(["new", "new and late"], (await client.PullAsync("g", "orders", test.Broker.CommittedOffset("g", "orders", 0)!.Value)).Bodies());
    }

    [Fact]
    public async Task A_topic_that_came_to_be_behind_the_cut_keeps_what_it_gets_now()
    {
        using var folder = new TempFolder();
        using var copy = await StoreAsync(folder, async client =>
        {
            await client.SendAsync("orders", "one");
            await client.SendAsync("orders", "lost");
            await client.SendAsync("bills", "lost");
        });
        var log = copy.Segments().Single();
        Cut(log, StoredFolder.Records(await File.ReadAllBytesAsync(log))[1]);
        await using (var test = await StartAsync(copy))
        {
            await (await test.ConnectAsync()).SendAsync("bills", "new");
        }

        await using var again = await StartAsync(copy);
        Assert.Equal(["new"], again.Broker.Messages("bills").Select(message => message.Text()));
    }

    private static void CutLog(TempFolder folder, int segment, int length)
    {
        foreach (var (log, index) in folder.Segments().Zip(folder.Indexes()).Skip(segment + 1))
        {
            File.Delete(log);
            File.Delete(index);
        }

        Cut(folder.Segments()[segment], length);
    }

    private static void Cut(string path, int length)
    {
        using var file = File.Open(path, FileMode.Open);
        file.SetLength(length);
    }

    private async Task AssertWholeAsync(TempFolder folder, int messages)
    {
        var expected = image.All.Where(message => message.CommitLogOffset < image.Offset(messages)).Select(StoredFolder.Describe).ToList();
        Assert.Equal(messages, expected.Count);
        await using (var test = await StartAsync(folder))
        {
            Assert.Equal(expected, test.Broker.Messages("orders").Select(StoredFolder.Describe));
            Assert.Equal(0, test.Broker.QueueCount("deleted"));
            Assert.Equal(image.Offset(messages), image.Begins[folder.Segments().Length - 1] + new FileInfo(folder.Segments()[^1]).Length);
            var client = await test.ConnectAsync();
            for (var queue = 0; queue < Queues; queue++)
            {
                var next = (messages + Queues - 1 - queue) / Queues;
                Assert.Equal($"{next}", (await client.SendAsync("orders", $"new {queue}", queueId: queue)).Succeeded()["queueOffset"]);
                var pulled = await client.PullAsync("g", "orders", Math.Max(0, next - 1), queue);
                Assert.Equal($"new {queue}", pulled.Succeeded().Bodies()[^1]);
            }

            expected = [.. test.Broker.Messages("orders").Select(StoredFolder.Describe)];
            Assert.Equal(messages + Queues, expected.Count);
        }

        await using var again = await StartAsync(folder);
        Assert.Equal(expected, again.Broker.Messages("orders").Select(StoredFolder.Describe));
    }

    private static async Task<TempFolder> StoreAsync(TempFolder folder, Func<TestClient, Task> work, FakeTimeProvider? time = null)
    {
        await using var test = await StartAsync(folder, time);
        await work(await test.ConnectAsync());
        return folder.Copy();
    }

    private static Task<TestBroker> StartAsync(TempFolder folder, FakeTimeProvider? time = null) => TestBroker.StartAsync(
        options => options with { DataFolder = folder.Path, BrokerName = "broker-a", MaxStoreBytes = 1024 * 1024, MaxMessageSize = 100_000 }, time);

    /// <summary>What a broker leaves that was killed with messages in three segments; made once and copied by each test.</summary>
    public sealed class Image : IAsyncLifetime
    {
        internal TempFolder Folder { get; private set; } = null!;

        public IReadOnlyList<MessageExt> All { get; private set; } = [];

        public IReadOnlyList<long> Begins { get; private set; } = [];

        public List<(int Segment, int Position, int Size)> Places { get; } = [];

        public long Offset(int record) => record == Messages
            ? Begins[^1] + new FileInfo(Folder.Segments()[^1]).Length
            : Begins[Places[record].Segment] + Places[record].Position;

        public async Task InitializeAsync()
        {
            using var folder = new TempFolder();
            Folder = await StoreAsync(folder, async client =>
            {
                await client.InvokeAsync(RequestCodes.UpdateAndCreateTopic, ("topic", "deleted"), ("readQueueNums", 1), ("writeQueueNums", 1), ("perm", 6));
                await client.InvokeAsync(RequestCodes.DeleteTopicInBroker, ("topic", "deleted"));
                await client.InvokeAsync(RequestCodes.UpdateAndCreateTopic, ("topic", "orders"), ("readQueueNums", Queues), ("writeQueueNums", Queues), ("perm", 6));
                for (var i = 0; i < Messages; i++)
                {
                    (await client.SendAsync("orders", $"{i} ".PadRight(60_000, 'x'), "tag", queueId: i % Queues)).Succeeded();
                }
            });
            Begins = [.. Folder.Segments().Select(path => long.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture))];
            Assert.Equal(3, Begins.Count);
            for (var segment = 0; segment < Begins.Count; segment++)
            {
                var bytes = await File.ReadAllBytesAsync(Folder.Segments()[segment]);
                Places.AddRange(StoredFolder.Records(bytes).Select(at => (segment, at, BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(at)))));
            }

            using var copy = Folder.Copy();
            await using var test = await StartAsync(copy);
            All = test.Broker.Messages("orders");
            Assert.Equal(Messages, All.Count);
        }

        public Task DisposeAsync()
        {
            Folder.Dispose();
            return Task.CompletedTask;
        }
    }
}

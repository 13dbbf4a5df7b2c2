using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

public sealed class StoreDamageTests(StoreDamageTests.Image image) : IClassFixture<StoreDamageTests.Image>
{
    private const int Messages = 300;
    private const int Queues = 3;

    public static TheoryData<string> Fields => [.. StoredFolder.Fields(new byte[200]).Keys];

    [Theory]
    [MemberData(nameof(Fields))]
    public async Task A_damaged_byte_costs_its_own_message_and_no_other(string field)
    {
        foreach (var (segment, record) in image.Places)
        {
            using var folder = image.Folder.Copy();
            var lost = image.Damage(folder, segment, record, field);

            await using var test = await StartAsync(folder);
            await AssertAllButAsync(test, lost);
        }
    }

    [Theory]
    [MemberData(nameof(Fields))]
    public async Task A_damaged_byte_costs_no_other_message_where_nothing_is_kept_beside_the_log(string field)
    {
        foreach (var (segment, record) in image.Places.Where(place => place.Record > 0))
        {
            using var folder = image.Folder.Copy();
            Directory.Delete(Path.Combine(folder.Path, "broker-a", "recordindex"), recursive: true);
            var lost = image.Damage(folder, segment, record, field);

            await using var test = await StartAsync(folder);

            // Only the body has a checksum in the record itself; what else is changed can be noticed only where it fits nowhere.
            var isNoticed = test.Broker.Messages("orders").Count < Messages;
            Assert.True(isNoticed || !field.Contains("length", StringComparison.Ordinal));
            var left = test.Broker.Messages("orders").Select(StoredFolder.Describe).ToHashSet(StringComparer.Ordinal);
            Assert.Empty(image.All.Where(message => message != lost).Select(StoredFolder.Describe).Except(left));
            await PullAllAsync(test, left.Count);
        }
    }

    [Fact]
    public async Task Damage_to_what_is_kept_beside_the_log_costs_nothing()
    {
        for (var position = 0; position < 48; position++)
        {
            using var folder = image.Folder.Copy();
            foreach (var index in folder.Indexes())
            {
                StoredFolder.Damage(index, 48 * 20 + position);
            }

            await using (var test = await StartAsync(folder))
            {
                await AssertAllButAsync(test);
            }

            Assert.Equal(image.Folder.Indexes().Select(File.ReadAllBytes), folder.Indexes().Select(File.ReadAllBytes));
        }
    }

    [Fact]
    public async Task A_damaged_length_of_which_nothing_is_kept_is_found_again_from_the_next_message()
    {
        using var folder = image.Folder.Copy();
        StoredFolder.Damage(folder.Indexes()[1], 48 * 20 + 3);
        var lost = image.Damage(folder, 1, 20, "length, high byte");

        await using var test = await StartAsync(folder);
        await AssertAllButAsync(test, lost);
    }

    [Fact]
    public async Task What_is_lost_stays_lost_and_no_offset_is_given_twice()
    {
        using var folder = image.Folder.Copy();
        var last = StoredFolder.Records(await File.ReadAllBytesAsync(folder.Segments()[2])).Count - 1;
        var lost = image.Damage(folder, 2, last, "body");
        for (var start = 0; start < 3; start++)
        {
            await using var test = await StartAsync(folder);
            await AssertAllButAsync(test, lost);
            Assert.Equal(Messages / Queues, test.Broker.MaxOffset("orders", lost.QueueId));
        }

        await using var again = await StartAsync(folder);
        var client = await again.ConnectAsync();
        Assert.Equal($"{lost.QueueOffset + 1}", (await client.SendAsync("orders", "new", queueId: lost.QueueId)).Succeeded()["queueOffset"]);
        var over = await client.PullAsync("g", "orders", lost.QueueOffset, lost.QueueId);
        Assert.Equal(["new"], over.Succeeded().Bodies());
    }

    [Fact]
    public async Task The_end_of_a_queue_is_known_from_the_state_where_nothing_is_kept_beside_the_log()
    {
        using var folder = image.Folder.Copy();
        Directory.Delete(Path.Combine(folder.Path, "broker-a", "recordindex"), recursive: true);

        // The last message of one of the queues; others follow it.
        var last = StoredFolder.Records(await File.ReadAllBytesAsync(folder.Segments()[2])).Count - Queues;
        var lost = image.Damage(folder, 2, last, "magic");

        await using var test = await StartAsync(folder);
        await AssertAllButAsync(test, lost);
        Assert.Equal(Messages / Queues, test.Broker.MaxOffset("orders", lost.QueueId));
    }

    [Fact]
    public async Task A_segment_that_is_gone_costs_its_own_messages()
    {
        using var folder = image.Folder.Copy();
        File.Delete(folder.Segments()[1]);

        await using var test = await StartAsync(folder);
        await AssertAllButAsync(test, [.. image.All.Where(message => message.CommitLogOffset >= image.Begins[1] && message.CommitLogOffset < image.Begins[2])]);
    }

    [Fact]
    public async Task A_segment_that_lost_its_end_costs_what_it_lost()
    {
        using var folder = image.Folder.Copy();
        using (var file = File.Open(folder.Segments()[1], FileMode.Open))
        {
            file.SetLength(file.Length / 2);
        }

        var from = image.Begins[1] + new FileInfo(folder.Segments()[1]).Length;
        await using var test = await StartAsync(folder);
        await AssertAllButAsync(test, [.. image.All.Where(message => message.CommitLogOffset + 8_000 > from && message.CommitLogOffset < image.Begins[2])]);
    }

    [Fact]
    public async Task A_segment_that_claims_a_place_that_is_taken_is_kept_aside()
    {
        using var folder = image.Folder.Copy();
        var stranger = Path.Combine(folder.Path, "broker-a", "commitlog", 100.ToString("D20", CultureInfo.InvariantCulture));
        File.Copy(folder.Segments()[2], stranger);
        var bytes = await File.ReadAllBytesAsync(stranger);

        await using var test = await StartAsync(folder);
        await AssertAllButAsync(test);
        Assert.False(File.Exists(stranger));
        Assert.Equal(bytes, await File.ReadAllBytesAsync(Assert.Single(Directory.GetFiles(Path.GetDirectoryName(stranger)!, "*.aside"))));
    }

    [Fact]
    public async Task A_damaged_delayed_message_holds_up_none_behind_it()
    {
        using var folder = new TempFolder();
        var time = new FakeTimeProvider();
        await using (var test = await StartAsync(folder, time))
        {
            var client = await test.ConnectAsync();
            foreach (var body in new[] { "first", "second", "third" })
            {
                await client.SendAsync("orders", body, properties: [("DELAY", "1")]);
            }
        }

        var log = folder.Segments().Single();
        StoredFolder.Damage(log, StoredFolder.Records(await File.ReadAllBytesAsync(log))[1] + 4);
        await using var again = await StartAsync(folder, time);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(["first", "third"], again.Broker.Messages("orders").Select(message => message.Text()));
    }

    [Fact]
    public void What_is_recovered_takes_little_more_memory_than_it_has_bytes()
    {
        using var folder = image.Folder.Copy();
        var recovered = StoreRecovery.Recover(
            new(Path.Combine(folder.Path, "broker-a"), StoreDisk.Real),
            StoreRecovery.SegmentSizeFor(maxBytes: 0),
            new Dictionary<string, long>(),
            unknownFrom: 0,
            new Dictionary<TopicQueue, long>(),
            static _ => false,
            NullLogger.Instance);

        // 64 MiB for each segment before.
        var bytes = recovered.Segments.Sum(segment => (long)segment.Length);
        Assert.True(bytes > 2_400_000);
        Assert.InRange(recovered.Segments.Sum(segment => (long)segment.Capacity), bytes, bytes + 1024 * 1024);
        Assert.True(recovered.Segments[^1].HasRoomFor(300_000));
        foreach (var segment in recovered.Segments)
        {
            segment.Dispose();
        }
    }

    private static Task<TestBroker> StartAsync(TempFolder folder, FakeTimeProvider? time = null) => TestBroker.StartAsync(
        options => options with { DataFolder = folder.Path, BrokerName = "broker-a", MaxStoreBytes = 4_000_000, MaxMessageSize = 100_000 }, time);

    private async Task AssertAllButAsync(TestBroker test, params MessageExt[] lost)
    {
        var expected = image.All.Except(lost).Select(StoredFolder.Describe).ToArray();
        Assert.Equal(Messages - lost.Length, expected.Length);
        Assert.Equal(expected, test.Broker.Messages("orders").Select(StoredFolder.Describe));
        await PullAllAsync(test, expected.Length);
    }

    private static async Task PullAllAsync(TestBroker test, int expected)
    {
        var client = await test.ConnectAsync();
        var pulled = 0;
        for (var queue = 0; queue < Queues; queue++)
        {
            var offset = 0L;
            while (offset < test.Broker.MaxOffset("orders", queue))
            {
                var answer = await client.PullAsync("g", "orders", offset, queue);
                Assert.True(answer.GetInt64("nextBeginOffset") > offset);
                offset = answer.GetInt64("nextBeginOffset");
                pulled += answer.Code == ResponseCodes.Success ? answer.Messages().Count : 0;
            }
        }

        Assert.Equal(expected, pulled);
    }

    /// <summary>A folder of three segments, made once and copied by each test.</summary>
    public sealed class Image : IAsyncLifetime
    {
        internal TempFolder Folder { get; } = new();

        public IReadOnlyList<MessageExt> All { get; private set; } = [];

        public IReadOnlyList<long> Begins { get; private set; } = [];

        /// <summary>The first, a middle and the last record, in the first, the middle and the last segment.</summary>
        internal IReadOnlyList<(int Segment, int Record)> Places { get; private set; } = [];

        public async Task InitializeAsync()
        {
            await using (var test = await StartAsync(Folder))
            {
                test.RocketMQ.CreateTopic("orders", Queues);
                var client = await test.ConnectAsync();
                for (var i = 0; i < Messages; i++)
                {
                    (await client.SendAsync("orders", $"{i} ".PadRight(8_000, 'x'), i % 2 == 0 ? "even" : "odd", queueId: i % Queues)).Succeeded();
                }

                All = test.Broker.Messages("orders");
            }

            Begins = [.. Folder.Segments().Select(path => long.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture))];
            Assert.Equal(3, Begins.Count);
            Places = [(0, 0), (1, 20), (2, StoredFolder.Records(await File.ReadAllBytesAsync(Folder.Segments()[2])).Count - 1)];
        }

        public Task DisposeAsync()
        {
            Folder.Dispose();
            return Task.CompletedTask;
        }

        /// <summary>Changes a byte of a record in a copy, and says which message that is.</summary>
        internal MessageExt Damage(TempFolder folder, int segment, int record, string field)
        {
            var path = folder.Segments()[segment];
            var bytes = File.ReadAllBytes(path);
            var position = StoredFolder.Records(bytes)[record];
            var size = System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(position));
            StoredFolder.Damage(path, position + StoredFolder.Fields(bytes.AsSpan(position, size))[field]);
            return All.Single(message => message.CommitLogOffset == Begins[segment] + position);
        }
    }
}

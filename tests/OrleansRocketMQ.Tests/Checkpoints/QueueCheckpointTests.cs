using Microsoft.Extensions.Logging.Abstractions;
using Orleans.Runtime;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Storage;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Checkpoints;

/// <summary>A storage that does not answer is told that nobody waits any more, and keeps nobody from the next attempt.</summary>
public sealed class QueueCheckpointTests
{
    private static readonly MessageQueue Queue = new("orders", "broker-a", 3);
    private static readonly AckSnapshot Progress = new(Watermark: 3, SeenTo: 9, Unfinished: [3, 6]);

    private static readonly AckSnapshot AllDone = new(Watermark: 9, SeenTo: 9, Unfinished: []);

    private readonly KeptStorage _storage = new();
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task A_read_that_is_never_answered_is_cancelled_and_the_next_finds_what_is_there()
    {
        await Create().WriteAsync(() => (Progress, 2, null));
        var checkpoint = Create();
        _storage.Unanswered = "checkpoint";
        var finding = checkpoint.FindAsync(2, CancellationToken.None);

        _time.Advance(TimeSpan.FromSeconds(3));

        Assert.Null(await finding);
        await Eventually.TrueAsync(() => _storage.GivenUp == 1, "the storage is told");
        _storage.Unanswered = null;
        Assert.NotNull(await checkpoint.FindAsync(2, CancellationToken.None));
    }

    [Fact]
    public async Task A_read_its_caller_does_not_want_any_more_is_cancelled()
    {
        _storage.Unanswered = "checkpoint";
        using var stopping = new CancellationTokenSource();
        var finding = Create().FindAsync(2, stopping.Token);

        await stopping.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => finding);
        await Eventually.TrueAsync(() => _storage.GivenUp == 1, "the storage is told");
    }

    [Fact]
    public async Task A_write_that_is_never_answered_is_cancelled_and_the_next_arrives()
    {
        var checkpoint = Create();
        _storage.UnansweredWrites = "checkpoint";
        var writing = checkpoint.WriteAsync(() => (Progress, 2, null));

        _time.Advance(TimeSpan.FromSeconds(10));

        await Assert.ThrowsAsync<OffsetException>(() => writing);
        await Eventually.TrueAsync(() => _storage.GivenUp == 1, "the storage is told");
        _storage.UnansweredWrites = null;
        await checkpoint.WriteAsync(() => (Progress, 2, null));
        Assert.Equal(1, _storage.Count);
    }

    [Fact]
    public async Task A_removal_that_is_never_answered_is_cancelled()
    {
        var checkpoint = Create();
        await checkpoint.WriteAsync(() => (Progress, 2, null));
        _storage.UnansweredWrites = "checkpoint";
        var clearing = checkpoint.ClearAsync();

        _time.Advance(TimeSpan.FromSeconds(3));

        await Assert.ThrowsAsync<OffsetException>(() => clearing);
        await Eventually.TrueAsync(() => _storage.GivenUp == 1, "the storage is told");
    }

    [Fact]
    public async Task A_record_goes_once_all_is_committed_so_that_it_hides_nothing_from_a_store_that_is_moved_back()
    {
        var checkpoint = Create();
        await checkpoint.WriteAsync(() => (Progress, 2, null));

        await checkpoint.WriteAsync(() => (AllDone, 9, null));

        Assert.Equal(0, _storage.Count);
        Assert.Null(await Create().FindAsync(5, CancellationToken.None));
    }

    [Fact]
    public async Task A_record_follows_the_commit_though_nothing_more_was_done()
    {
        var checkpoint = Create();
        await checkpoint.WriteAsync(() => (Progress, 1, null));

        await checkpoint.WriteAsync(() => (Progress, 3, null));

        Assert.Null(await Create().FindAsync(2, CancellationToken.None));
    }

    [Fact]
    public async Task A_record_that_could_not_be_removed_is_removed_with_the_next_write()
    {
        var checkpoint = Create();
        await checkpoint.WriteAsync(() => (Progress, 2, null));
        _storage.Fails = true;
        await Assert.ThrowsAsync<OffsetException>(checkpoint.ClearAsync);
        Assert.True(checkpoint.MayExist);

        _storage.Fails = false;
        await checkpoint.WriteAsync(() => (AllDone, 9, null));

        Assert.False(checkpoint.MayExist);
        Assert.Equal(0, _storage.Count);
    }

    [Fact]
    public async Task A_record_that_could_not_be_read_goes_once_all_is_committed()
    {
        await Create().WriteAsync(() => (Progress, 2, null));
        var checkpoint = Create();
        _storage.FailsToRead = true;
        Assert.Null(await checkpoint.FindAsync(2, CancellationToken.None));

        _storage.FailsToRead = false;
        await checkpoint.WriteAsync(() => (AllDone, 9, null));

        Assert.Equal(0, _storage.Count);
    }

    [Fact]
    public async Task A_file_of_an_earlier_stay_on_this_silo_goes_though_the_queue_came_back_without_it()
    {
        using var folder = new TestFolder();
        var checkpoints = new GroupCheckpoints(
            new ConsumerOptions { Group = "billing" },
            QueueRecords.Checkpoints(new FileGrainStorage(folder.Path, NullLogger<FileGrainStorage>.Instance), GrainOf),
            SiloRuntime.Of(_time),
            NullLogger<GroupCheckpoints>.Instance);
        await checkpoints.Open(Queue).WriteAsync(() => (Progress, 2, null));

        // It went to another silo by that one's crash and back by its hand-over; nobody has looked at the file.
        await checkpoints.Open(Queue).WriteAsync(() => (AllDone, 9, null));

        Assert.Null(await checkpoints.Open(Queue).FindAsync(5, CancellationToken.None));
    }

    private static GrainId GrainOf(MessageQueue queue) => GrainId.Create("queue", $"{queue.QueueId}");

    private QueueCheckpoint Create()
        => new(QueueRecords.Checkpoints(_storage, GrainOf), Queue, "billing", SiloRuntime.Of(_time), NullLogger.Instance);
}

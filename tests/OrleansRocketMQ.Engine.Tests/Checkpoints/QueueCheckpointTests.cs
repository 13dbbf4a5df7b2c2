using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Tests.Support;

namespace OrleansRocketMQ.Engine.Tests.Checkpoints;

/// <summary>
/// What was done beyond the commit is found again after a crash, and never hides a message somebody wants again. A storage
/// that fails or does not answer costs no more than that messages come again.
/// </summary>
public sealed class QueueCheckpointTests
{
    private static readonly MessageQueue Queue = new("orders", "broker-a", 3);
    private static readonly AckSnapshot Progress = new(Watermark: 3, SeenTo: 9, Unfinished: [3, 6]);
    private static readonly AckSnapshot AllDone = new(Watermark: 9, SeenTo: 9, Unfinished: []);

    private readonly Stepped _world = new();
    private readonly LogLines _log = new();
    private readonly FakeRecords<CheckpointRecord> _records = new();

    [Fact]
    public void What_was_done_is_found_from_the_commit_on_that_was_there_then()
    {
        Assert.True(Write(New(), Progress, committed: 2));

        var found = Find(New(), 2);
        Assert.Equal((3L, 9L), (found!.Progress.Watermark, found.Progress.SeenTo));
        Assert.Equal([3L, 6L], found.Progress.Unfinished);
        Assert.Equal(6, Find(New(), 5)!.Progress.Watermark);
        Assert.Equal(9, Find(New(), 8)!.Progress.Watermark);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(9)]
    [InlineData(10)]
    public void A_store_that_was_moved_back_or_knows_as_much_finds_nothing(long offset)
    {
        Write(New(), Progress, committed: 2);

        Assert.Null(Find(New(), offset));
    }

    [Fact]
    public void The_newest_message_is_kept_only_when_it_is_one_of_those_that_were_seen()
    {
        Write(New(), Progress, committed: 2, new SeenMessage(8, "id"));
        Assert.Equal(new SeenMessage(8, "id"), Find(New(), 2)!.Newest);

        Write(New(), new(3, 9, [3]), committed: 2, new SeenMessage(9, "later"));
        Assert.Null(Find(New(), 2)!.Newest);
    }

    [Fact]
    public void What_says_nothing_new_is_not_written()
    {
        var checkpoint = New();
        Assert.False(_world.Get(() => checkpoint.WriteAsync(() => null)));
        Assert.False(Write(checkpoint, AllDone, committed: 9));
        Assert.True(Write(checkpoint, Progress, committed: 2));
        Assert.False(Write(checkpoint, Progress, committed: 2));

        Assert.True(Write(checkpoint, Progress, committed: 3));
        Assert.True(Write(checkpoint, new(3, 10, [3, 6]), committed: 3));
        Assert.True(Write(checkpoint, new(3, 10, [3, 6, 7]), committed: 3));
        Assert.True(Write(checkpoint, new(4, 10, [4, 6, 7]), committed: 3));
        Assert.Equal((5, 0), (_records.Writes, _records.Clears));
    }

    /// <summary>Finding F10.</summary>
    [Fact]
    public void A_record_goes_once_all_is_committed_so_that_it_hides_nothing_from_a_store_that_is_moved_back()
    {
        var checkpoint = New();
        Write(checkpoint, Progress, committed: 2);
        Assert.True(checkpoint.MayExist);

        Assert.True(Write(checkpoint, AllDone, committed: 9));
        Assert.False(checkpoint.MayExist);
        Assert.Equal(0, _records.Count);
        Assert.Null(Find(New(), 5));
        Assert.False(Write(checkpoint, AllDone, committed: 9));

        // What is as it was before the removal is news again.
        Assert.True(Write(checkpoint, Progress, committed: 2));
        Assert.Equal(1, _records.Count);
    }

    [Fact]
    public void A_record_follows_the_commit_though_nothing_more_was_done()
    {
        var checkpoint = New();
        Write(checkpoint, Progress, committed: 1);
        Write(checkpoint, Progress, committed: 3);

        Assert.Null(Find(New(), 2));
    }

    [Fact]
    public void A_record_that_could_not_be_written_is_read_anew_and_written_next_time()
    {
        var checkpoint = New();
        (_records.FailsToWrite, _records.StoresWhatFails) = (true, true);
        var error = Failed(() => checkpoint.WriteAsync(() => (Progress, 2, null)));
        Assert.Contains("could not be stored: The storage is away", error.Message, StringComparison.Ordinal);
        Assert.True(checkpoint.MayExist);
        (_records.FailsToWrite, _records.StoresWhatFails) = (false, false);

        Assert.True(Write(checkpoint, Progress, committed: 2));

        Assert.Equal(2, _records.Reads);
        Assert.NotNull(Find(New(), 2));
    }

    [Fact]
    public void A_record_is_written_by_what_was_written_last_without_being_read_each_time()
    {
        var checkpoint = New();
        Write(checkpoint, Progress, committed: 1);
        Write(checkpoint, Progress, committed: 2);
        Write(checkpoint, Progress, committed: 3);

        Assert.Equal((1, 3), (_records.Reads, _records.Writes));
    }

    [Fact]
    public void A_record_that_could_not_be_removed_may_exist_and_is_removed_with_the_next_write()
    {
        var checkpoint = New();
        Write(checkpoint, Progress, committed: 2);
        _records.FailsToWrite = true;
        Failed(checkpoint.ClearAsync);
        Assert.True(checkpoint.MayExist);

        _records.FailsToWrite = false;
        Assert.True(Write(checkpoint, AllDone, committed: 9));

        Assert.False(checkpoint.MayExist);
        Assert.Equal(0, _records.Count);
    }

    [Fact]
    public void Nothing_is_removed_where_nothing_can_be_and_what_may_be_is_looked_for()
    {
        var checkpoint = New();
        _world.Do(checkpoint.ClearAsync);
        Assert.Equal(0, _records.Reads);

        checkpoint.MayExist = true;
        _world.Do(checkpoint.ClearAsync);

        Assert.False(checkpoint.MayExist);
        Assert.Equal((1, 0), (_records.Reads, _records.Clears));
    }

    [Fact]
    public void A_record_that_could_not_be_read_is_told_of_and_goes_once_all_is_committed()
    {
        Write(New(), Progress, committed: 2);
        var checkpoint = New();
        _records.FailsToRead = true;
        Assert.Null(Find(checkpoint, 2));
        Assert.True(checkpoint.MayExist);
        Assert.Equal([222], _log.Ids);

        _records.FailsToRead = false;
        Write(checkpoint, AllDone, committed: 9);

        Assert.Equal(0, _records.Count);
    }

    [Fact]
    public void Where_nothing_was_found_nothing_exists()
    {
        var checkpoint = New();
        Assert.Null(Find(checkpoint, 2));
        Assert.False(checkpoint.MayExist);

        Write(New(), Progress, committed: 2);
        Assert.NotNull(Find(checkpoint, 2));
        Assert.True(checkpoint.MayExist);
        Assert.NotNull(Find(checkpoint, 2));
        Assert.True(checkpoint.MayExist);
    }

    [Fact]
    public void A_read_that_is_never_answered_is_given_up_and_the_next_finds_what_is_there()
    {
        Write(New(), Progress, committed: 2);
        var checkpoint = New();
        _records.NeverAnswersReads = true;
        var finding = _world.Begin(() => checkpoint.FindAsync(2, CancellationToken.None));
        _world.Wait(2.9);
        Assert.False(finding.IsCompleted);
        _world.Wait(0.2);

        Assert.Null(Stepped.ResultOf(finding));
        Assert.Equal(1, _records.GivenUp);
        _records.NeverAnswersReads = false;
        Assert.NotNull(Find(checkpoint, 2));
    }

    [Fact]
    public void A_read_its_caller_does_not_want_any_more_is_cancelled()
    {
        _records.NeverAnswersReads = true;
        using var stopping = new CancellationTokenSource();
        var finding = _world.Begin(() => New().FindAsync(2, stopping.Token));

        stopping.Cancel();
        _world.Steps.Run();

        Assert.True(finding.IsCanceled);
        Assert.Equal(1, _records.GivenUp);
        Assert.Empty(_log.Ids);
    }

    [Fact]
    public void A_write_that_is_never_answered_is_given_up_and_the_next_arrives()
    {
        var checkpoint = New();
        _records.NeverAnswersWrites = true;
        var writing = _world.Begin(() => checkpoint.WriteAsync(() => (Progress, 2, null)));
        _world.Wait(9.9);
        Assert.False(writing.IsCompleted);
        _world.Wait(0.2);

        Assert.IsType<OffsetException>(writing.Exception!.InnerException);
        Assert.Equal(1, _records.GivenUp);
        _records.NeverAnswersWrites = false;
        Assert.True(Write(checkpoint, Progress, committed: 2));
    }

    [Fact]
    public void A_removal_that_is_never_answered_is_given_up()
    {
        var checkpoint = New();
        Write(checkpoint, Progress, committed: 2);
        _records.NeverAnswersWrites = true;
        var clearing = _world.Begin(checkpoint.ClearAsync);

        _world.Wait(3.1);

        Assert.IsType<OffsetException>(clearing.Exception!.InnerException);
        Assert.Equal(1, _records.GivenUp);
        Assert.True(checkpoint.MayExist);
    }

    [Fact]
    public void Nobody_waits_for_ever_for_his_turn_behind_a_write_that_is_not_answered()
    {
        var checkpoint = New();
        Write(checkpoint, Progress, committed: 2);
        _records.NeverAnswersWrites = true;
        var writing = _world.Begin(() => checkpoint.WriteAsync(() => (Progress, 3, null)));
        var (
            finding, clearing) = (_world.Begin(() => checkpoint.FindAsync(2, CancellationToken.None)), _world.Begin(checkpoint.ClearAsync));

        _world.Wait(3.1);

        Assert.Null(Stepped.ResultOf(finding));
        Assert.Contains("no answer within 3 s", clearing.Exception!.InnerException!.Message, StringComparison.Ordinal);
        Assert.False(writing.IsCompleted);
        checkpoint.TellNotCleared(clearing.Exception.InnerException);
        Assert.Equal([222, 223], _log.Ids);
    }

    [Fact]
    public void One_writes_after_the_other_and_looks_when_it_is_its_turn()
    {
        var checkpoint = New();
        Write(checkpoint, Progress, committed: 1);
        _records.NeverAnswersWrites = true;
        var first = _world.Begin(() => checkpoint.WriteAsync(() => (Progress, 2, null)));
        var looked = false;
        var second = _world.Begin(() => checkpoint.WriteAsync(() =>
        {
            looked = true;
            return (Progress, 3, null);
        }));
        Assert.False(looked);
        _records.NeverAnswersWrites = false;
        _world.Wait(10.1);

        Assert.True(first.IsFaulted);
        Assert.True(Stepped.ResultOf(second));
        Assert.Equal(3, _records.ValueOf(Queue)!.Committed);
    }

    private QueueCheckpoint New() => new(_records, Queue, "billing", _world.Runtime, _log);

    private bool Write(QueueCheckpoint checkpoint, AckSnapshot progress, long committed, SeenMessage? newest = null)
        => _world.Get(() => checkpoint.WriteAsync(() => (progress, committed, newest)));

    private DoneBefore? Find(QueueCheckpoint checkpoint, long offset)
        => _world.Get(() => checkpoint.FindAsync(offset, CancellationToken.None));

    private OffsetException Failed(Func<Task> work) => Assert.IsType<OffsetException>(_world.Begin(work).Exception!.InnerException);
}

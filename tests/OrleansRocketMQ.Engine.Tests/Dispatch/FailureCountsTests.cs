using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch.Orderly;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>How often a message has failed is known after a restart and elsewhere, and nothing is kept of what is done.</summary>
public sealed class FailureCountsTests
{
    private static readonly MessageQueue Queue = new("T", "broker-a", 0);

    private readonly Stepped _world = new();
    private readonly LogLines _log = new();
    private readonly FakeRecords<FailureList> _records = new();

    [Fact]
    public void Without_storage_counts_are_kept_in_memory()
    {
        var counts = new FailureCounts(storage: null, Queue, TimeSpan.FromSeconds(5), _world.Runtime, _log);
        _world.Do(() => counts.BeginAsync(0));
        var message = TestMessages.At(5, reconsumeTimes: 2);
        Assert.False(counts.Any);
        counts.Count(message);
        counts.Count(message);
        _world.Do(() => counts.SaveAsync());

        Assert.Equal((4, 0), (counts.Of(message), counts.Of(TestMessages.At(6))));
        Assert.True(counts.Any);
        counts.Forget([TestMessages.At(6)]);
        Assert.True(counts.Any);
        counts.Forget([message]);
        Assert.False(counts.Any);
        Assert.Equal(2, counts.Of(message));
        Assert.Empty(_log.Ids);
    }

    [Fact]
    public void Counts_are_found_by_whoever_begins_at_or_before_their_message()
    {
        var before = Begun();
        Count(before, 3, 7);
        before.Count(TestMessages.At(7));
        Save(before);

        Assert.Equal([(3, 1), (7, 2)], Snapshot(Begun(3)));
        Assert.Equal([(7, 2)], Snapshot(Begun(4)));
        Assert.False(Begun(8).Any);
        Assert.Equal(2, Begun(7).Of(TestMessages.At(7)));
    }

    [Fact]
    public void Counts_of_another_message_at_the_same_offset_do_not_count()
    {
        var counts = Begun();
        Stored(new(7, "another id", 9));
        counts = Begun();
        Assert.Equal(0, counts.Of(TestMessages.At(7)));
        counts.Count(TestMessages.At(7));
        Assert.Equal(1, counts.Of(TestMessages.At(7)));
    }

    [Fact]
    public void Storage_is_written_for_news_only_and_nothing_is_kept_when_all_are_done()
    {
        var counts = Begun();
        Save(counts);
        Assert.Equal((1, 0, 0), (_records.Reads, _records.Writes, _records.Clears));
        Count(counts, 1);
        Save(counts);
        Save(counts);
        counts.Forget([TestMessages.At(9)]);
        Save(counts);
        Assert.Equal((1, 1, 0), (_records.Reads, _records.Writes, _records.Clears));

        counts.Forget([TestMessages.At(1)]);
        Save(counts);
        Assert.Equal((1, 1, 1, 0), (_records.Reads, _records.Writes, _records.Clears, _records.Count));
    }

    [Fact]
    public void Counts_of_messages_that_are_done_together_are_taken_out_of_the_storage_together()
    {
        var counts = Begun();
        Count(counts, 1, 2, 3);
        Save(counts);

        counts.Forget([TestMessages.At(1), TestMessages.At(2)]);
        Save(counts);

        Assert.Equal([(3, 1)], Snapshot(Begun()));
    }

    [Fact]
    public void A_storage_that_is_away_stops_nothing_and_gets_what_it_has_missed()
    {
        _records.FailsToRead = true;
        var counts = Begun();
        Assert.Equal([189], _log.Ids);
        Assert.False(counts.Any);
        _records.FailsToRead = false;
        _records.FailsToWrite = true;
        Count(counts, 1);
        Save(counts);
        Save(counts);
        Assert.Equal([189, 190, 190], _log.Ids);
        _records.FailsToWrite = false;

        Save(counts);
        Assert.Equal([(1, 1)], Snapshot(Begun()));
    }

    [Fact]
    public void Whoever_wrote_in_between_is_not_overwritten_and_the_higher_count_holds()
    {
        var (first, second) = (Begun(), Begun());
        Count(first, 1, 2, 2);
        Save(first);
        Count(second, 2);
        Save(second);
        Assert.Equal([190], _log.Ids);
        Save(second);

        Assert.Equal([(1, 1), (2, 2)], Snapshot(Begun()));
        Count(second, 2, 2);
        Save(second);
        Assert.Equal([(1, 1), (2, 4)], Snapshot(Begun()));
    }

    /// <summary>Finding M15.</summary>
    [Fact]
    public void Counts_of_messages_that_are_done_do_not_come_back_from_storage()
    {
        var counts = Begun();
        Count(counts, 1, 2, 5, 6);
        Save(counts);
        _records.FailsToWrite = true;
        counts.Forget([TestMessages.At(1), TestMessages.At(5)]);
        Save(counts, new AckSnapshot(2, 10, [2, 6]));
        _records.FailsToWrite = false;
        Count(counts, 6);
        Save(counts, new AckSnapshot(2, 10, [2, 6]));

        Assert.Equal([(2, 1), (6, 2)], Snapshot(counts));
        Assert.Equal([(2, 1), (6, 2)], Snapshot(Begun()));
        counts.Forget([TestMessages.At(2), TestMessages.At(6)]);
        Assert.False(counts.Any);
    }

    [Fact]
    public void A_queue_that_begins_anew_knows_only_what_is_stored()
    {
        var counts = Begun();
        Count(counts, 4);
        _world.Do(() => counts.BeginAsync(0));

        Assert.False(counts.Any);
        Assert.Empty(counts.Snapshot);
        Save(counts);
        Assert.Equal((0, 0), (_records.Writes, _records.Clears));
    }

    [Fact]
    public void A_storage_that_never_answers_is_told_and_given_up_and_what_was_counted_is_written_later()
    {
        _records.NeverAnswersReads = true;
        var counts = New();
        var beginning = _world.Begin(() => counts.BeginAsync(0));
        _world.Wait(4.9);
        Assert.False(beginning.IsCompleted);
        _world.Wait(0.2);
        Assert.True(beginning.IsCompletedSuccessfully);
        Assert.Equal(1, _records.GivenUp);

        (_records.NeverAnswersReads, _records.NeverAnswersWrites) = (false, true);
        Count(counts, 3);
        var saving = _world.Begin(() => counts.SaveAsync());
        _world.Wait(5.1);
        Assert.True(saving.IsCompletedSuccessfully);
        Assert.Equal(2, _records.GivenUp);

        _records.NeverAnswersWrites = false;
        Save(counts);
        Assert.Equal(1, _records.Count);
    }

    private static void Count(FailureCounts counts, params int[] offsets)
    {
        foreach (var offset in offsets)
        {
            counts.Count(TestMessages.At(offset));
        }
    }

    private static IEnumerable<(int Offset, int Count)> Snapshot(FailureCounts counts)
        => counts.Snapshot.Select(failing => ((int)failing.Offset, failing.Count));

    private FailureCounts New() => new(_records, Queue, TimeSpan.FromSeconds(5), _world.Runtime, _log);

    private FailureCounts Begun(long offset = 0)
    {
        var counts = New();
        _world.Do(() => counts.BeginAsync(offset));
        return counts;
    }

    private void Save(FailureCounts counts, AckSnapshot? progress = null)
        => _world.Do(() => counts.SaveAsync(progress is null ? null : () => progress));

    private void Stored(MessageFailures failures) => _world.Do(async () =>
    {
        var record = await _records.ReadAsync(Queue, CancellationToken.None);
        await record.WriteAsync(new FailureList([failures]), CancellationToken.None);
    });
}

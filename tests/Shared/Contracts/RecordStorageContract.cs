using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Tests.Contracts;

/// <summary>What every <see cref="IRecordStorage{T}"/> does, wherever it keeps its records.</summary>
public abstract class RecordStorageContract
{
    private protected static readonly MessageQueue Queue = new("orders", "broker-a", 3);

    private static readonly MessageQueue Other = new("orders", "broker-a", 4);

    [Fact]
    public async Task What_was_never_written_is_not_there() => Assert.Null((await ReadAsync(Queue)).Text);

    [Fact]
    public async Task What_is_written_is_there_for_whoever_reads_next_and_for_no_other_queue()
    {
        var record = await ReadAsync(Queue);
        await record.WriteAsync("first");
        Assert.Equal("first", record.Text);

        Assert.Equal("first", (await ReadAsync(Queue)).Text);
        Assert.Null((await ReadAsync(Other)).Text);
    }

    [Fact]
    public async Task A_record_is_written_again_and_again_without_being_read()
    {
        var record = await ReadAsync(Queue);
        await record.WriteAsync("first");
        await record.WriteAsync("second");
        await record.ClearAsync();
        Assert.Null((await ReadAsync(Queue)).Text);
        await record.WriteAsync("third");

        Assert.Equal("third", (await ReadAsync(Queue)).Text);
    }

    [Fact]
    public async Task What_is_cleared_is_gone()
    {
        var record = await ReadAsync(Queue);
        await record.WriteAsync("first");
        await record.ClearAsync();

        Assert.Null(record.Text);
        Assert.Null((await ReadAsync(Queue)).Text);
    }

    [Fact]
    public async Task Whoever_writes_by_what_is_old_is_refused_and_what_somebody_else_has_written_stays()
    {
        var (old, present) = (await ReadAsync(Queue), await ReadAsync(Queue));
        await present.WriteAsync("first");

        await Assert.ThrowsAnyAsync<Exception>(() => old.WriteAsync("second"));
        Assert.Equal("first", (await ReadAsync(Queue)).Text);

        var later = await ReadAsync(Queue);
        await present.WriteAsync("third");
        await Assert.ThrowsAnyAsync<Exception>(later.ClearAsync);
        Assert.Equal("third", (await ReadAsync(Queue)).Text);
    }

    [Fact]
    public async Task A_storage_that_fails_says_so_and_after_a_new_read_it_goes_on()
    {
        var record = await ReadAsync(Queue);
        await record.WriteAsync("first");
        SetFailing(true);
        await Assert.ThrowsAnyAsync<Exception>(() => record.WriteAsync("second"));
        await Assert.ThrowsAnyAsync<Exception>(() => ReadAsync(Queue));
        SetFailing(false);

        record = await ReadAsync(Queue);
        await record.WriteAsync("third");
        Assert.Equal("third", (await ReadAsync(Queue)).Text);
    }

    /// <summary>Reads the record of a queue as those do who share the storage.</summary>
    private protected abstract Task<TextRecord> ReadAsync(MessageQueue queue);

    /// <summary>Makes what is behind the storage fail, or not any more.</summary>
    private protected abstract void SetFailing(bool fails);

    /// <summary>A record of any kind as a text, so that one suite serves all.</summary>
    private protected abstract record TextRecord
    {
        public abstract string? Text { get; }

        public abstract Task WriteAsync(string text);

        public abstract Task ClearAsync();
    }

    /// <summary>A record of one kind.</summary>
    private protected sealed record TextRecord<T>(IStoredRecord<T> Record, Func<string, T> Make, Func<T, string> Read) : TextRecord
        where T : class
    {
        public override string? Text => Record.Value is { } value ? Read(value) : null;

        public override Task WriteAsync(string text) => Record.WriteAsync(Make(text), CancellationToken.None);

        public override Task ClearAsync() => Record.ClearAsync(CancellationToken.None);
    }
}

using Microsoft.Extensions.Logging.Abstractions;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;
using OrleansRocketMQ.Offsets;
using OrleansRocketMQ.Storage;

namespace OrleansRocketMQ.Tests.Storage;

public sealed class FileGrainStorageTests : IDisposable
{
    private static readonly GrainId Grain = GrainId.Create("messagequeue", "@silo-1/billing/orders/3/broker-a");
    private readonly string _folder = Directory.CreateTempSubdirectory("rocketmq-storage").FullName;

    private string OnlyFile => Assert.Single(Directory.GetFiles(_folder, "*.json", SearchOption.AllDirectories));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task What_is_written_is_read_by_the_next_process()
    {
        await WriteAsync(Grain, 42);

        var state = await ReadAsync(Grain);
        Assert.True(state.RecordExists);
        Assert.Equal(42, state.State?.Offset);
    }

    [Fact]
    public async Task A_record_is_readable_json_in_folders_named_after_the_key()
    {
        await WriteAsync(Grain, 42);

        Assert.Contains("\"offset\": 42", await File.ReadAllTextAsync(OnlyFile));
        Assert.Equal(Path.Join("messagequeue", "%40silo-1", "billing", "orders", "3", "broker-a.offset.json"), Path.GetRelativePath(_folder, OnlyFile));
    }

    [Fact]
    public async Task A_damaged_record_is_replaced_by_the_one_before_it()
    {
        var state = await WriteAsync(Grain, 1);
        state.State = new StoredOffset { Offset = 2 };
        await Storage().WriteStateAsync("offset", Grain, state);
        await File.WriteAllTextAsync(OnlyFile, "{ \"etag\": \"cut o");

        Assert.Equal(1, (await ReadAsync(Grain)).State?.Offset);
    }

    [Fact]
    public async Task A_record_that_is_missing_beside_its_backup_is_the_backup()
    {
        var state = await WriteAsync(Grain, 1);
        await Storage().WriteStateAsync("offset", Grain, state);
        File.Delete(OnlyFile);

        Assert.Equal(1, (await ReadAsync(Grain)).State?.Offset);
    }

    [Fact]
    public async Task Without_any_readable_record_there_is_none()
    {
        await WriteAsync(Grain, 1);
        await File.WriteAllTextAsync(OnlyFile, "null");

        Assert.False((await ReadAsync(Grain)).RecordExists);
    }

    [Fact]
    public async Task A_record_that_somebody_else_has_changed_is_not_overwritten()
    {
        await WriteAsync(Grain, 1);
        var late = new GrainState<StoredOffset> { State = new StoredOffset { Offset = 9 } };

        await Assert.ThrowsAsync<InconsistentStateException>(() => Storage().WriteStateAsync("offset", Grain, late));
        Assert.Equal(1, (await ReadAsync(Grain)).State?.Offset);
    }

    [Fact]
    public async Task A_cleared_record_is_gone_with_its_backup()
    {
        var state = await WriteAsync(Grain, 1);
        await Storage().WriteStateAsync("offset", Grain, state);
        await Storage().ClearStateAsync("offset", Grain, state);

        Assert.False((await ReadAsync(Grain)).RecordExists);
        Assert.Empty(Directory.GetFiles(_folder, "*", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData("../../escape")]
    [InlineData("..")]
    [InlineData("a/../../b")]
    [InlineData("%RETRY%group|x/*?:")]
    [InlineData("")]
    public async Task No_key_leads_out_of_the_folder(string key)
    {
        var grain = GrainId.Create("queue", "x/" + key);
        await WriteAsync(grain, 5);

        Assert.StartsWith(_folder, Path.GetFullPath(OnlyFile), StringComparison.Ordinal);
        Assert.Equal(5, (await ReadAsync(grain)).State?.Offset);
    }

    [Fact]
    public async Task Long_keys_that_differ_only_at_the_end_have_records_of_their_own()
    {
        var (one, other) = (GrainId.Create("queue", new string('k', 300) + "1"), GrainId.Create("queue", new string('k', 300) + "2"));
        await WriteAsync(one, 1);
        await WriteAsync(other, 2);

        Assert.Equal(1, (await ReadAsync(one)).State?.Offset);
        Assert.Equal(2, (await ReadAsync(other)).State?.Offset);
    }

    [Fact]
    public async Task Many_writers_at_once_leave_whole_records()
    {
        var storage = Storage();
        await Task.WhenAll(Enumerable.Range(0, 200).Select(async number =>
        {
            var state = new GrainState<StoredOffset> { State = new StoredOffset { Offset = number } };
            var grain = GrainId.Create("queue", $"g/t/{number}/b");
            for (var write = 0; write < 3; write++)
            {
                await storage.WriteStateAsync("offset", grain, state);
            }
        }));

        foreach (var number in Enumerable.Range(0, 200))
        {
            Assert.Equal(number, (await ReadAsync(GrainId.Create("queue", $"g/t/{number}/b"))).State?.Offset);
        }
    }

    private FileGrainStorage Storage() => new(_folder, NullLogger<FileGrainStorage>.Instance);

    private async Task<GrainState<StoredOffset>> WriteAsync(GrainId grain, long offset)
    {
        var state = new GrainState<StoredOffset> { State = new StoredOffset { Offset = offset } };
        await Storage().WriteStateAsync("offset", grain, state);
        return state;
    }

    private async Task<GrainState<StoredOffset>> ReadAsync(GrainId grain)
    {
        var state = new GrainState<StoredOffset>();
        await Storage().ReadStateAsync("offset", grain, state);
        return state;
    }
}

using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;

namespace OrleansRocketMQ.Tests.Effects;

/// <summary>Which messages a grain takes for known.</summary>
public sealed class ProcessedOffsetsTests
{
    private static readonly MessageQueue Queue = new("orders", "broker-a", 3);
    private static readonly MessageQueue Other = new("orders", "broker-a", 4);
    private readonly ProcessedOffsets _processed = new();
    private QueueReading _reading;

    [Fact]
    public void A_message_is_new_once()
    {
        Assert.Equal([true, true, false, false, true], Take(3, 17, 3, 17, 40));
        Assert.Equal([3, 40], Assert.Single(_processed.Queues).Spans);
    }

    [Fact]
    public void One_that_lies_before_the_first_is_new()
    {
        Assert.Equal([true, true], Take(100, 120));
        Seek();
        Assert.Equal([true, true, false, false, true], Take(5, 60, 100, 120, 130));
        Assert.Equal([5, 130], Assert.Single(_processed.Queues).Spans);
    }

    [Fact]
    public void What_a_seek_has_left_out_is_new_when_another_goes_back()
    {
        Take(10, 20);
        Seek();
        Take(90, 95);
        Assert.Equal([10, 20, 90, 95], Assert.Single(_processed.Queues).Spans);

        Seek();

        Assert.Equal([false, false, true, true, false, false, true], Take(10, 20, 50, 60, 90, 95, 99));
        Assert.Equal([10, 99], Assert.Single(_processed.Queues).Spans);
    }

    [Fact]
    public void A_seek_back_runs_no_effect_again()
    {
        Take(10, 20, 30);
        Seek();
        Assert.Equal([false, false, false, true], Take(10, 20, 30, 40));
    }

    [Fact]
    public void A_seek_that_says_so_runs_each_effect_once_more()
    {
        Take(10, 20, 30);
        Seek(effectsAgain: true);
        Assert.Equal([true, true, false, true, false, true], Take(20, 10, 20, 30, 30, 40));

        Seek();

        Assert.Equal([false, false, true], Take(10, 40, 50));
    }

    [Fact]
    public void Queues_do_not_know_of_each_other()
    {
        Take(10, 20);
        Assert.True(_processed.TryAdd(Message(10), Other, _reading));
        Assert.True(_processed.TryAdd(Message(10), new("%RETRY%billing", "broker-a", 3), _reading));
        Assert.True(_processed.TryAdd(Message(10), new("orders", "broker-b", 3), _reading));
        Assert.False(_processed.TryAdd(Message(10), Other, _reading));
    }

    [Fact]
    public void A_topic_that_was_made_anew_loses_nothing()
    {
        Take(0, 1, 2, 3);

        Assert.True(_processed.TryAdd(Message(0, commitLogOffset: 5000), Queue, _reading));
        Assert.True(_processed.TryAdd(Message(2, commitLogOffset: 5100), Queue, _reading));
        Assert.False(_processed.TryAdd(Message(0, commitLogOffset: 5000), Queue, _reading));
        Assert.True(_processed.TryAdd(Message(3, commitLogOffset: 5200), Queue, _reading));
    }

    [Fact]
    public void A_broker_that_has_lost_its_store_loses_nothing_more()
    {
        Take(0, 1, 2, 3);

        Assert.True(_processed.TryAdd(Message(0, commitLogOffset: 0, storedAt: 9000), Queue, _reading));
        Assert.True(_processed.TryAdd(Message(1, commitLogOffset: 100, storedAt: 9001), Queue, _reading));
        Assert.False(_processed.TryAdd(Message(1, commitLogOffset: 100, storedAt: 9001), Queue, _reading));
    }

    [Fact]
    public void A_clock_of_a_broker_that_goes_back_makes_nothing_new()
    {
        _processed.TryAdd(Message(1, storedAt: 2000), Queue, _reading);
        _processed.TryAdd(Message(2, storedAt: 1000), Queue, _reading);

        Assert.False(_processed.TryAdd(Message(1, storedAt: 2000), Queue, _reading));
        Assert.False(_processed.TryAdd(Message(2, storedAt: 1000), Queue, _reading));
        Assert.True(_processed.TryAdd(Message(3, storedAt: 1500), Queue, _reading));
    }

    [Fact]
    public void It_stays_small_however_often_operators_seek_forward()
    {
        for (var seek = 0; seek < 100; seek++)
        {
            Take(seek * 10);
            Seek();
        }

        Assert.Equal(64, Assert.Single(_processed.Queues).Spans.Length);
        Assert.Equal([false], Take(0));
        Seek();
        Assert.Equal([true, false], Take(985, 990));
    }

    [Fact]
    public void It_comes_back_from_each_kind_of_storage()
    {
        Take(10, 20);
        Seek(effectsAgain: true);
        Take(7);
        var written = JsonSerializer.Serialize(_processed);
        using var services = new ServiceCollection().AddSerializer().AddSingleton<OrleansJsonSerializer>().BuildServiceProvider();
        var orleansJson = ActivatorUtilities.CreateInstance<OrleansJsonSerializer>(services);
        var serializer = services.GetRequiredService<Serializer>();

        Assert.Equal(written, JsonSerializer.Serialize(JsonSerializer.Deserialize<ProcessedOffsets>(written)));
        Assert.Equal(written, JsonSerializer.Serialize(serializer.Deserialize<ProcessedOffsets>(serializer.SerializeToArray(_processed))));
        Assert.Equal(
            written,
            JsonSerializer.Serialize(orleansJson.Deserialize(typeof(ProcessedOffsets), orleansJson.Serialize(_processed, typeof(ProcessedOffsets)))));
    }

    private bool[] Take(params long[] offsets) => [.. offsets.Select(offset => _processed.TryAdd(Message(offset), Queue, _reading))];

    private void Seek(bool effectsAgain = false)
        => _reading = new(_reading.Seek + 1, effectsAgain ? _reading.Seek + 1 : _reading.Effects);

    private static MessageExt Message(long offset, long? commitLogOffset = null, long? storedAt = null) => Assert.Single(MessageDecoder.DecodeAll(
        new StoredMessage
        {
            Topic = "orders",
            Body = new byte[1],
            QueueOffset = offset,
            CommitLogOffset = commitLogOffset ?? (100 + offset),
            StoreTimestamp = storedAt ?? (1000 + offset),
            BornHost = new(IPAddress.Loopback, 1),
            StoreHost = new(IPAddress.Loopback, 10911),
        }.Encode(),
        "broker-a"));
}

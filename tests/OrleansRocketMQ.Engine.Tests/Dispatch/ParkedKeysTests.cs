using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch.Orderly;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>Keys that are set aside keep their order, stay within their bounds, and are tried when they are due.</summary>
public sealed class ParkedKeysTests
{
    private readonly ProcessQueue _window = new(0);
    private readonly ParkedKeys _parked = new(mostKeys: 2, mostMessages: 4);
    private readonly ProcessQueueRange[] _messages;

    public ParkedKeysTests()
    {
        string?[] keys = ["a", "b", "a", "c", null, "a"];
        _window.Add([.. keys.Select((key, offset) => TestMessages.At(offset, shardingKey: key))], keys.Length);
        _messages = RangeSplitter.Singles(_window.TakeAside(keys.Length));
    }

    [Fact]
    public void Keys_are_parked_all_or_none_with_what_failed_of_them_in_order()
    {
        Assert.False(_parked.Any);
        Assert.Null(_parked.First);
        Assert.True(_parked.TryPark(_messages[..3], TimeSpan.FromSeconds(1)));

        Assert.Equal((2, true, true, false, false), (_parked.Count, _parked.Any, _parked.Has("a"), _parked.Has("c"), _parked.Has(null)));
        Assert.Equal([new ParkedKeySnapshot("a", 2, 0), new ParkedKeySnapshot("b", 1, 1)], _parked.Snapshot);
        Assert.Equal(TimeSpan.FromSeconds(1), _parked.First!.Due);
    }

    [Fact]
    public void What_has_no_key_or_finds_no_room_is_not_parked()
    {
        Assert.False(_parked.TryPark([_messages[0], _messages[4]], TimeSpan.Zero));
        Assert.False(_parked.TryPark([_messages[0], _messages[1], _messages[3]], TimeSpan.Zero));
        Assert.False(new ParkedKeys(9, 2).TryPark(_messages[..3], TimeSpan.Zero));
        Assert.True(new ParkedKeys(9, 3).TryPark(_messages[..3], TimeSpan.Zero));
        Assert.Equal((0, false), (_parked.Count, _parked.Any));
        Assert.True(_parked.TryPark([_messages[0]], TimeSpan.Zero));
        Assert.True(_parked.TryPark([_messages[1]], TimeSpan.Zero));
        Assert.False(_parked.TryPark([_messages[3]], TimeSpan.Zero));
    }

    [Fact]
    public void Later_messages_of_a_key_stand_behind_the_others_as_long_as_there_is_room()
    {
        Assert.True(_parked.TryPark([_messages[0], _messages[1]], TimeSpan.Zero));
        Assert.True(_parked.TryAppend("a", _messages[2]));
        Assert.True(_parked.TryAppend("a", _messages[5]));
        Assert.False(_parked.TryAppend("a", _messages[3]));
        Assert.Equal(3, _parked.Snapshot[0].Messages);
        Assert.Equal([0L, 2L, 5L], _parked.First!.Next(10).Select(single => single.Place));
        Assert.Equal([0L, 2L], _parked.First.Next(2).Select(single => single.Place));
        var size = CallSize.Of(_messages[0].Messages[0]);
        Assert.Equal(2, _parked.First.Next(10, 2 * size).Length);
        Assert.Single(_parked.First.Next(10, (2 * size) - 1));
    }

    [Fact]
    public void What_was_tried_gives_its_place_to_what_is_left_of_it_and_a_key_without_messages_is_free()
    {
        Assert.True(_parked.TryPark([_messages[0], _messages[1]], TimeSpan.Zero));
        Assert.True(_parked.TryAppend("a", _messages[2]));
        var key = _parked.First!;
        _parked.Settle(key, 2, [_messages[2]], TimeSpan.FromSeconds(9));
        Assert.Equal(("b", TimeSpan.Zero), (_parked.First!.Key, _parked.First.Due));
        Assert.Equal([2L], key.Next(9).Select(single => single.Place));

        // The room that came is there for others.
        Assert.True(_parked.TryAppend("b", _messages[3]));
        Assert.True(_parked.TryAppend("b", _messages[3]));
        Assert.False(_parked.TryAppend("b", _messages[3]));
        _parked.Settle(key, 1, [], TimeSpan.Zero);
        Assert.Equal((1, false), (_parked.Count, _parked.Has("a")));
        Assert.True(_parked.TryAppend("b", _messages[3]));

        _parked.Clear();
        Assert.Equal((0, false, false), (_parked.Count, _parked.Any, _parked.Has("b")));
        Assert.True(_parked.TryPark(_messages[..3], TimeSpan.Zero));
        Assert.True(_parked.TryAppend("a", _messages[5]));
    }

    [Fact]
    public void A_message_that_cannot_be_read_is_tried_alone()
    {
        var window = new ProcessQueue(0);
        window.Add([TestMessages.UnreadableAt(0), TestMessages.At(1), TestMessages.UnreadableAt(2)], 3);
        var key = new ParkedKey("a");
        while (window.TakeAside(1) is { IsEmpty: false } single)
        {
            key.Messages.Add(single);
        }

        Assert.Single(key.Next(10));
        key.Messages.RemoveAt(0);
        Assert.Single(key.Next(10));
    }

    [Fact]
    public void What_is_left_of_a_batch_comes_again_in_as_few_pieces_as_possible()
    {
        var batch = _window.LeaseAside(_messages[0]) == 1 ? _messages : [];
        var all = new ProcessQueueRange(_window, 0, batch.SelectMany(single => single.Messages).ToArray());

        Assert.Empty(RangeSplitter.Join(all, []));
        Assert.Equal([(0L, 6)], Pieces(batch));
        Assert.Equal([(0L, 2), (3L, 1), (5L, 1)], Pieces([batch[0], batch[1], batch[3], batch[5]]));
        Assert.Equal([(2L, 3)], Pieces(batch[2..5]));

        IEnumerable<(long Place, int Count)> Pieces(IEnumerable<ProcessQueueRange> left)
            => RangeSplitter.Join(all, left).Select(piece => (piece.Place, piece.Messages.Count));
    }
}

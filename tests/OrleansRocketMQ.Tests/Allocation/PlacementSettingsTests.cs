using OrleansRocketMQ.Allocation;

namespace OrleansRocketMQ.Tests.Allocation;

public sealed class PlacementSettingsTests
{
    [Fact]
    public void A_pin_is_found_among_many_and_changed_settings_know_their_own_pins_only()
    {
        var queues = Enumerable.Range(0, 1000).Select(id => new MessageQueue("orders", "a", id)).ToArray();
        var settings = new PlacementSettings { Pins = [.. queues.Select(queue => new QueuePin(queue, $"silo {queue.QueueId}"))] };
        Assert.All(queues, queue => Assert.Equal($"silo {queue.QueueId}", settings.PinOf(queue)));
        Assert.Null(settings.PinOf(new MessageQueue("orders", "b", 1)));

        var unpinned = settings.Unpin(queues[7]);
        var moved = unpinned.Pin(queues[8], "another");

        Assert.Equal((null, "silo 8"), (unpinned.PinOf(queues[7]), unpinned.PinOf(queues[8])));
        Assert.Equal((null, "another", "silo 9"), (moved.PinOf(queues[7]), moved.PinOf(queues[8]), moved.PinOf(queues[9])));
        Assert.Equal("silo 7", settings.PinOf(queues[7]));
        Assert.Null(PlacementSettings.None.PinOf(queues[0]));
        Assert.Equal(settings, settings with { });
        Assert.NotEqual(settings, unpinned);
    }
}

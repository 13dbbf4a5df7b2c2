using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Tests.Pop;

/// <summary>Where a queue begins that is popped from now on, when a reset was demanded of it and not stored yet.</summary>
public sealed class PopPlaceTests
{
    private readonly PopLab _lab = new() { Mode = HandlerMode.Orderly };
    private readonly TaskCompletionSource _answered = new();

    [Fact]
    public void A_broker_that_resets_no_offsets_itself_has_the_offset_written()
    {
        _lab.Brokers.Faults["reset"] = static () => FakeBrokers.Refusal(ResponseCodes.ConsumerNotOnline);
        _lab.Pops.Store(3);

        _lab.Start(arrival: QueueArrival.AtUnstoredReset(10)).Wait(5);

        Assert.Equal(10, _lab.Brokers.Offsets[PopLab.Queue]);
        Assert.Null(_lab.Pump.UnstoredReset);
        Assert.NotEmpty(_lab.Pops.Requests);
    }

    [Fact]
    public void A_broker_that_does_not_answer_is_asked_for_the_reset_again()
    {
        _lab.Brokers.Faults["reset"] = () =>
        {
            _lab.Brokers.Faults.Clear();
            return new RocketMQNetworkException("The connection is gone.");
        };

        _lab.Start(arrival: QueueArrival.AtUnstoredReset(10)).Wait(5);

        Assert.Equal([10], _lab.Brokers.Resets);
        Assert.Empty(_lab.Brokers.Told);
    }

    [Fact]
    public void A_seek_that_comes_while_an_older_reset_is_under_way_is_the_last_word()
    {
        _lab.Brokers.Holds["reset"] = _answered.Task;
        _lab.Start(arrival: QueueArrival.AtUnstoredReset(10)).Wait(1);
        _lab.Brokers.Holds.Clear();

        var seeking = _lab.World.Begin(() => _lab.Pump.SeekAsync(500));
        _lab.World.Do(Answer);
        _lab.Wait(1);

        Assert.True(seeking.IsCompletedSuccessfully);
        Assert.Equal([10, 500], _lab.Brokers.Resets);
    }

    [Fact]
    public void A_reset_that_is_not_stored_yet_is_void_after_a_seek()
    {
        _lab.IsClosed = true;
        _lab.Start(arrival: QueueArrival.AtUnstoredReset(10)).Wait(1);
        _lab.Brokers.Holds["reset"] = _answered.Task;
        var seeking = _lab.World.Begin(() => _lab.Pump.SeekAsync(500));
        _lab.Brokers.Holds.Clear();
        _lab.Fence(closed: false);

        _lab.World.Do(Answer);
        _lab.Wait(1);

        Assert.True(seeking.IsCompletedSuccessfully);
        Assert.Equal([500], _lab.Brokers.Resets);
    }

    private Task Answer()
    {
        _answered.SetResult();
        return Task.CompletedTask;
    }
}

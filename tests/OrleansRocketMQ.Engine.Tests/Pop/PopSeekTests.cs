using OrleansRocketMQ.Engine.Tests.Support;

namespace OrleansRocketMQ.Engine.Tests.Pop;

/// <summary>A seek of a popped queue while its listeners, or its broker, take their time.</summary>
public sealed class PopSeekTests
{
    private readonly PopLab _lab = new() { ListenerTakes = TimeSpan.FromSeconds(5) };

    [Fact]
    public void What_is_popped_while_the_answer_to_a_seek_is_under_way_is_not_taken_for_what_lay_before()
    {
        var answer = new TaskCompletionSource();
        _lab.Brokers.Holds["answer to reset"] = answer.Task;
        _lab.Start().Wait(1);
        var seeking = _lab.World.Begin(() => _lab.Pump.SeekAsync(0));
        _lab.Pops.Store(20);
        _lab.Wait(1);
        Assert.InRange(_lab.Consumed.Count, 1, 19);

        answer.SetResult();
        _lab.Wait(120);

        Assert.True(seeking.IsCompletedSuccessfully);
        Assert.Equal(Enumerable.Range(0, 20), _lab.Consumed.Order());
        Assert.Equal((0, 0), (_lab.Pops.Hidden, _lab.Pops.Waiting));
    }

    [Fact]
    public void What_came_before_a_seek_does_not_come_again_when_its_answer_takes_long()
    {
        _lab.Pops.Store(20);
        _lab.Start().Wait(1);
        var given = _lab.Consumed.Count;
        var answer = new TaskCompletionSource();
        _lab.Brokers.Holds["answer to reset"] = answer.Task;
        var seeking = _lab.World.Begin(() => _lab.Pump.SeekAsync(20));
        _lab.Wait(1);

        answer.SetResult();
        _lab.Wait(120);

        Assert.True(seeking.IsCompletedSuccessfully);
        Assert.Equal(given, _lab.Consumed.Count);
        Assert.Equal((0, 0), (_lab.Pops.Hidden, _lab.Pops.Waiting));
    }
}

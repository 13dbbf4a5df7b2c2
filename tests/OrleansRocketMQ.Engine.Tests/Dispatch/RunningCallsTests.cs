using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>What a listener has been at for the longest time can be told.</summary>
public sealed class RunningCallsTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly RunningCalls _calls;

    public RunningCallsTests() => _calls = new(_time);

    [Fact]
    public void The_call_that_began_first_is_told_with_its_age_until_it_ends()
    {
        Assert.Null(_calls.Slowest());
        var first = _calls.Begin(new[] { TestMessages.At(3), TestMessages.At(4) });
        _time.Advance(TimeSpan.FromSeconds(1));
        var second = _calls.Begin(new[] { TestMessages.At(9) });
        _time.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal((3L, TimeSpan.FromSeconds(3)), Slowest());
        first.Dispose();
        Assert.Equal((9L, TimeSpan.FromSeconds(2)), Slowest());
        second.Dispose();
        Assert.Null(_calls.Slowest());
    }

    [Fact]
    public void Of_a_run_the_batch_is_told_that_the_listener_is_at()
    {
        var share = new BatchClaim();
        using var call = _calls.Begin(new[] { TestMessages.At(3), TestMessages.At(4), TestMessages.At(5) }, share);
        Assert.Equal(3, Slowest().Offset);
        Assert.True(share.TryClaim(1));
        Assert.True(share.TryClaim(2));

        Assert.Equal(4, Slowest().Offset);
        Assert.Equal(TestMessages.At(4).MessageId, _calls.Slowest()!.MessageId);
    }

    [Fact]
    public void What_a_listener_has_not_begun_is_taken_back_once_and_only_after_it_has_begun()
    {
        var share = new BatchClaim();
        Assert.False(share.TryReclaim());
        Assert.Null(share.Left);
        Assert.True(share.TryClaim(2));
        Assert.True(share.TryClaim(4));
        Assert.Null(share.Left);
        Assert.Equal(2, share.Begun);

        Assert.True(share.TryReclaim());

        Assert.False(share.TryClaim(6));
        Assert.Equal((4, 2), (share.Left, share.Begun));
    }

    [Fact]
    public void However_many_calls_are_under_way_each_is_known_and_so_are_those_that_come_after_them()
    {
        foreach (var first in new[] { 0, 20 })
        {
            var calls = new List<RunningCalls.Running>();
            for (var offset = first; offset < first + 9; offset++)
            {
                calls.Add(_calls.Begin(new[] { TestMessages.At(offset) }));
                _time.Advance(TimeSpan.FromSeconds(1));
            }

            for (var ended = 0; ended < calls.Count; ended++)
            {
                Assert.Equal(first + ended, Slowest().Offset);
                calls[ended].Dispose();
            }

            Assert.Null(_calls.Slowest());
        }
    }

    private (long Offset, TimeSpan Age) Slowest() => (_calls.Slowest()!.Offset, _calls.Slowest()!.Age);
}

using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Tests.Support;

namespace OrleansRocketMQ.Engine.Tests.Offsets;

/// <summary>What fails is left alone for longer and longer, each by itself.</summary>
public sealed class BackoffTableTests
{
    private readonly Stepped _world = new();
    private readonly BackoffTable<string> _table;

    public BackoffTableTests() => _table = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5), _world.Runtime);

    [Fact]
    public void What_fails_on_end_is_left_alone_for_twice_as_long_each_time_up_to_the_longest_wait()
    {
        var waits = Enumerable.Range(0, 5).Select(_ => _table.Fail("a").TotalSeconds);

        Assert.Equal([1.0, 2.0, 4.0, 5.0, 5.0], waits);
    }

    [Fact]
    public void It_is_left_alone_for_just_as_long_as_it_says_and_nothing_else_is()
    {
        Assert.False(_table.IsResting("a"));
        _table.Fail("a");

        Assert.True(_table.IsResting("a"));
        Assert.False(_table.IsResting("b"));
        _world.Time.Advance(TimeSpan.FromSeconds(0.999));
        Assert.True(_table.IsResting("a"));
        _world.Time.Advance(TimeSpan.FromSeconds(0.001));
        Assert.False(_table.IsResting("a"));
    }

    [Fact]
    public void After_a_success_counting_begins_anew()
    {
        _table.Fail("a");
        _table.Fail("a");

        _table.Succeed("a");

        Assert.False(_table.IsResting("a"));
        Assert.Equal(TimeSpan.FromSeconds(1), _table.Fail("a"));
    }

    [Fact]
    public void What_is_not_kept_is_forgotten_and_what_is_kept_is_not()
    {
        _table.Fail("gone");
        _table.Fail("kept");

        _table.Keep(new HashSet<string> { "kept", "never seen" });

        Assert.False(_table.IsResting("gone"));
        Assert.True(_table.IsResting("kept"));
        Assert.Equal(TimeSpan.FromSeconds(1), _table.Fail("gone"));
        Assert.Equal(TimeSpan.FromSeconds(2), _table.Fail("kept"));
    }
}

using OrleansRocketMQ.Engine.Rebalance;

namespace OrleansRocketMQ.Engine.Tests.Rebalance;

/// <summary>Which members of a group are not of this cluster.</summary>
public sealed class OutsidersTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly Outsiders _outsiders;

    public OutsidersTests() => _outsiders = new(_time);

    [Fact]
    public void A_member_that_nobody_knows_is_one_when_it_is_listed_for_longer_than_a_dead_one_would_be()
    {
        Assert.Empty(Note("java"));
        _time.Advance(Outsiders.LongerThanTheDead - TimeSpan.FromMilliseconds(1));
        Assert.Empty(Note("java"));
        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal(["java"], Note("java"));
        Assert.Equal(["java"], _outsiders.All);
    }

    [Fact]
    public void It_is_new_once()
    {
        Note("java");
        _time.Advance(Outsiders.LongerThanTheDead);
        Note("java");

        Assert.Empty(Note("java"));
        Assert.Equal(["java"], _outsiders.All);
    }

    [Fact]
    public void One_that_brokers_forget_meanwhile_was_dead()
    {
        Note("killed", "java");
        _time.Advance(TimeSpan.FromSeconds(130));
        Note("java");
        _time.Advance(TimeSpan.FromSeconds(20));

        Assert.Equal(["java"], Note("java"));
    }

    [Fact]
    public void One_that_has_gone_and_comes_again_begins_anew()
    {
        Note("java");
        _time.Advance(Outsiders.LongerThanTheDead);
        Note("java");
        Note();
        Assert.Empty(_outsiders.All);

        Assert.Empty(Note("java"));
        _time.Advance(Outsiders.LongerThanTheDead);
        Assert.Equal(["java"], Note("java"));
    }

    private IReadOnlyList<string> Note(params string[] clientIds) => _outsiders.Note(clientIds.ToHashSet(StringComparer.Ordinal));
}

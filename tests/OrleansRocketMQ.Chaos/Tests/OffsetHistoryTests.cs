using OrleansRocketMQ.Chaos.Checking;

namespace OrleansRocketMQ.Chaos.Tests;

/// <summary>Offsets go forward.</summary>
public sealed class OffsetHistoryTests
{
    private readonly OffsetHistory _history = new();

    [Fact]
    public void One_that_goes_back_is_told_with_its_queue()
    {
        Take("a", 5, 9, 7, 8);
        Take("b", 1, 1, 2);

        Assert.Equal("group in a from 9 to 7 at 1.0 s", Assert.Single(_history.StepsBack));
        Assert.Equal(7, _history.Samples);
    }

    [Fact]
    public void What_brokers_have_forgotten_is_no_step_back()
    {
        Take("a", 9);
        _history.Forget();
        Take("a", 3, 4);

        Assert.Empty(_history.StepsBack);
    }

    [Fact]
    public void What_somebody_sets_is_no_step_back_and_afterwards_it_goes_forward_again()
    {
        Take("a", 9);
        using (_history.NotKnown("group"))
        {
            Take("a", 3, 5, 4);
        }

        Take("a", 4, 5);
        Assert.Empty(_history.StepsBack);
        Take("a", 4);
        Assert.Single(_history.StepsBack);
    }

    [Fact]
    public void What_is_set_of_one_group_is_no_excuse_for_another()
    {
        Take("a", 9);
        using var other = _history.NotKnown("other");
        Take("a", 3);

        Assert.Single(_history.StepsBack);
    }

    [Fact]
    public void Afterwards_it_goes_forward_again()
    {
        _history.Forget();
        Take("a", 3, 2);

        Assert.Single(_history.StepsBack);
    }

    [Fact]
    public void An_answer_from_before_counts_for_nothing_afterwards()
    {
        var before = _history.Era;
        _history.Forget();
        _history.Take(before, "group", "a", 9, default);
        Take("a", 3);

        Assert.Empty(_history.StepsBack);
        Assert.Equal(1, _history.Samples);
    }

    private void Take(string queue, params long[] offsets)
    {
        foreach (var offset in offsets)
        {
            _history.Take(_history.Era, "group", queue, offset, TimeSpan.FromSeconds(1));
        }
    }
}

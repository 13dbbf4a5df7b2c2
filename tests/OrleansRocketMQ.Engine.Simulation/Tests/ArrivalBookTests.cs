using OrleansRocketMQ.Engine.Simulation.Checking;
using OrleansRocketMQ.Engine.Simulation.World;
using Xunit;

namespace OrleansRocketMQ.Engine.Simulation.Tests;

/// <summary>That the checker notices offsets which come late.</summary>
public sealed class ArrivalBookTests : IHandsOut
{
    private readonly SimulatedQueue _queue = new(0, "queue 0", new MessageQueue("topic", "broker a", 0));
    private readonly List<string> _broken = [];
    private readonly ArrivalBook _book;
    private readonly WindowRecord _window;

    public ArrivalBookTests()
    {
        _book = new ArrivalBook(_queue, (rule, _) => _broken.Add(rule));
        _window = NewWindow();
    }

    public string Name => "member a1 queue 0";

    [Fact]
    public void A_pull_that_brings_less_than_the_one_before_is_noticed_unless_the_queue_has_begun_anew()
    {
        _book.Arrives(10, Pull(_window));
        _book.Arrives(12, Pull(_window));
        _book.Arrives(5, Pull(NewWindow()));
        Assert.Empty(_broken);

        _book.Arrives(4, Pull(_window));
        _book.Arrives(3, Pull(_window));
        Assert.Equal([ArrivalBook.PullsInOrder], _broken);
    }

    [Fact]
    public void A_commit_may_come_after_a_pull_that_brought_more_as_it_is_told_again()
    {
        _book.Arrives(12, Pull(_window));
        _book.Arrives(10, new OffsetTold(_window, IsPull: false, IsMove: false));

        Assert.Empty(_broken);
    }

    [Fact]
    public void Nothing_lower_may_come_after_the_last_offset_of_a_queue_whose_store_had_it()
    {
        _book.Left(_window, 20);
        _book.Arrives(12, Pull(_window));
        Assert.Empty(_broken);

        _queue.Store(20, isMove: false);
        _book.Left(_window, 20);
        _book.Arrives(20, Pull(_window));
        _book.Arrives(7, Pull(NewWindow()));
        Assert.Empty(_broken);
        _book.Arrives(19, new OffsetTold(_window, IsPull: false, IsMove: false));

        Assert.Equal([ArrivalBook.LastHolds], _broken);
    }

    private static OffsetTold Pull(WindowRecord window) => new(window, IsPull: true, IsMove: false);

    private WindowRecord NewWindow() => new(this, WindowOrigin.Store, 0, null, null);
}

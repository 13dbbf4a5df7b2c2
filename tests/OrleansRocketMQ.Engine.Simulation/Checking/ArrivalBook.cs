using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Checking;

/// <summary>What an owner tells of a queue on one of its ways to the store.</summary>
/// <param name="Window">The window it is of; null when that is not known.</param>
/// <param name="IsPull">Whether a pull carries it.</param>
/// <param name="IsMove">Whether the queue is to go on there.</param>
internal sealed record OffsetTold(WindowRecord? Window, bool IsPull, bool IsMove);

/// <summary>
/// The checker's book of the order in which offsets come to the store: it takes each when it comes, so an older one that comes
/// late counts. No pull may overtake another one so, and nothing may come after the last offset of a queue that has left.
/// </summary>
internal sealed class ArrivalBook(SimulatedQueue queue, Action<string, string> fail)
{
    public const string PullsInOrder = "no pull brings an older offset after a newer one";
    public const string LastHolds = "nothing of a queue that has left comes after its last offset";

    private WindowRecord? _carriedOf;
    private long _carried;
    private WindowRecord? _left;
    private long _last;

    /// <summary>An offset comes to the store.</summary>
    public void Arrives(long offset, OffsetTold told)
    {
        if (told.Window is null || told.IsMove)
        {
            return;
        }

        if (told.Window == _left && offset < _last)
        {
            fail(LastHolds, $"{told.Window.Loop.Name} has left at {_last}, and {offset} comes");
        }

        if (!told.IsPull)
        {
            return;
        }

        if (told.Window == _carriedOf && offset < _carried)
        {
            fail(PullsInOrder, $"{told.Window.Loop.Name} had a pull bring {_carried}, and {offset} comes");
        }

        (_carriedOf, _carried) = (told.Window, offset);
    }

    /// <summary>A queue has left in its time, and the store has its last offset.</summary>
    public void Left(WindowRecord window, long last)
    {
        if (queue.Stored == last)
        {
            (_left, _last) = (window, last);
        }
    }
}

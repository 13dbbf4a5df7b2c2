using System.Buffers;
using OrleansRocketMQ.Engine.Simulation.Kernel;

namespace OrleansRocketMQ.Engine.Simulation.World;

/// <summary>
/// Where a queue at a member has the arrays from in which its pulls are answered. One that has gone back is full of something else at once,
/// so that whoever reads it afterwards is found.
/// </summary>
internal sealed class BodyPool(string name, SimulatedScheduler scheduler) : ArrayPool<byte>
{
    public const string BackOnce = "what a pull was answered in goes back to its pool, once";

    private const byte Garbage = 0xDD;

    private readonly HashSet<byte[]> _rented = new(ReferenceEqualityComparer.Instance);
    private readonly Stack<byte[]> _free = new();

    /// <summary>How many were taken.</summary>
    public long Rented { get; private set; }

    public override byte[] Rent(int minimumLength)
    {
        Rented++;
        var array = _free.TryPeek(out var free) && free.Length >= minimumLength ? _free.Pop() : new byte[minimumLength];
        _rented.Add(array);
        return array;
    }

    public override void Return(byte[] array, bool clearArray = false)
    {
        if (!_rented.Remove(array))
        {
            // Whoever gives it back may catch what is thrown.
            scheduler.Fail(new SimulationException(BackOnce, $"{name} gives one back that it does not have"));
            return;
        }

        array.AsSpan().Fill(Garbage);
        _free.Push(array);
    }

    /// <summary>All that was pulled is done.</summary>
    public void CheckEnd()
    {
        if (_rented.Count > 0)
        {
            throw new SimulationException(BackOnce, $"{name} keeps {_rented.Count} of {Rented}");
        }
    }
}

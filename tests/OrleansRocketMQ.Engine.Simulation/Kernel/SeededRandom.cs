namespace OrleansRocketMQ.Engine.Simulation.Kernel;

/// <summary>
/// Numbers that follow from a seed, on every machine and with every version of .NET (SplitMix64). Each part of a run has a
/// stream of its own, so that one more question of one part changes nothing for the others, and a run with a fault less
/// stays like the run it comes from.
/// </summary>
internal sealed class SeededRandom(ulong seed)
{
    private const ulong Golden = 0x9E3779B97F4A7C15;

    private ulong _state = seed;

    /// <summary>Another stream, which follows from the seed and a name.</summary>
    public static SeededRandom Of(long seed, string name) => new(Mix(unchecked((ulong)seed * Golden) ^ Trace.Hash(name)));

    /// <summary>From 0 to below that.</summary>
    public int Next(int below) => (int)(Next() % (uint)below);

    /// <summary>From one number to another, both possible.</summary>
    public int Between(int least, int most) => least + Next(most - least + 1);

    public TimeSpan Between(TimeSpan least, TimeSpan most)
        => least + TimeSpan.FromTicks((long)(Next() % (ulong)((most - least).Ticks + 1)));

    /// <summary>Whether something happens that happens so often in a hundred times.</summary>
    public bool Chance(int percent) => Next(100) < percent;

    public T Pick<T>(IReadOnlyList<T> from) => from[Next(from.Count)];

    public ulong Next() => Mix(_state += Golden);

    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}

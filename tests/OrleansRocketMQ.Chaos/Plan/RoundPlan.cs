namespace OrleansRocketMQ.Chaos.Plan;

/// <summary>What happens in a round; follows from its seed alone.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="Silos">Silos it begins with.</param>
/// <param name="Pops">Whether the group that wants no order pops.</param>
/// <param name="Faults">In the order of their times.</param>
/// <param name="Lasts">How long messages are sent; all faults are over by then.</param>
internal sealed record RoundPlan(int Seed, int Silos, bool Pops, IReadOnlyList<Fault> Faults, TimeSpan Lasts)
{
    private static readonly int[] s_setBy = [1, -1, 10, -10, 60, -60, 600, -600, 3600, -3600];
    private static readonly int[] s_skipped = [1, 5, 20, 60, 600, 3600];

    /// <param name="seed">Decides everything.</param>
    /// <param name="lasts">How long messages are sent.</param>
    /// <param name="only">The kinds of faults to choose from; null: all.</param>
    public static RoundPlan Of(int seed, TimeSpan lasts, IReadOnlyList<FaultKind>? only = null)
    {
        var random = new Random(seed);
        var kinds = only ?? Enum.GetValues<FaultKind>();
        var silos = random.Next(3, 6);
        var faults = Enumerable.Range(0, random.Next(4, 10)).Select(_ => Next()).OrderBy(fault => fault.At).ToList();
        return new(seed, silos, random.Next(2) == 0, faults, lasts);

        Fault Next()
        {
            var at = lasts * (0.05 + (0.6 * random.NextDouble()));
            var most = (lasts * 0.9) - at;
            var wanted = TimeSpan.FromSeconds(0.5 + (12 * random.NextDouble() * random.NextDouble()));
            var kind = kinds[random.Next(kinds.Count)];
            return new(kind, at, wanted < most ? wanted : most, random.Next(8), AmountOf(kind, random))
            {
                Other = random.Next(8),
                Rejects = random.Next(2) == 0,
            };
        }
    }

    private static int AmountOf(FaultKind kind, Random random) => kind switch
    {
        FaultKind.SetClock => s_setBy[random.Next(s_setBy.Length)],
        FaultKind.SkipTime => s_skipped[random.Next(s_skipped.Length)],
        _ => random.Next(10, 300),
    };

    /// <summary>Whether silos find each other, and keep state, in PostgreSQL where that is there; else in Redis.</summary>
    public bool WantsDatabase => Seed % 2 == 0;

    public override string ToString() => FormattableString.Invariant($"seed {Seed}: {Lasts.TotalSeconds:0} s, {Silos} silos{(Pops ? ", pops" : string.Empty)}, {string.Join("; ", Faults)}");
}

namespace OrleansRocketMQ.Chaos.Plan;

/// <summary>What happens in a round; follows from its seed alone.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="Silos">Silos it begins with.</param>
/// <param name="Pops">Whether the group that wants no order pops.</param>
/// <param name="Faults">In the order of their times.</param>
/// <param name="Lasts">How long messages are sent; all faults are over by then.</param>
internal sealed record RoundPlan(int Seed, int Silos, bool Pops, IReadOnlyList<Fault> Faults, TimeSpan Lasts)
{
    /// <param name="seed">Decides everything.</param>
    /// <param name="lasts">How long messages are sent.</param>
    public static RoundPlan Of(int seed, TimeSpan lasts)
    {
        var random = new Random(seed);
        var kinds = Enum.GetValues<FaultKind>();
        var silos = random.Next(3, 6);
        var faults = Enumerable.Range(0, random.Next(3, 8)).Select(_ => Next()).OrderBy(fault => fault.At).ToList();
        return new(seed, silos, random.Next(2) == 0, faults, lasts);

        Fault Next()
        {
            var at = lasts * (0.05 + (0.6 * random.NextDouble()));
            var most = (lasts * 0.9) - at;
            var wanted = TimeSpan.FromSeconds(0.5 + (12 * random.NextDouble() * random.NextDouble()));
            return new(kinds[random.Next(kinds.Length)], at, wanted < most ? wanted : most, random.Next(8), random.Next(10, 300));
        }
    }

    public override string ToString() => $"seed {Seed}: {Silos} silos{(Pops ? ", pops" : string.Empty)}, {string.Join("; ", Faults)}";
}

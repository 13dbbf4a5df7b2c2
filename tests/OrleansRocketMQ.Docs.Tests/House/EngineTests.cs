namespace OrleansRocketMQ.Docs.House;

/// <summary>The engine's folders are floors: each names only those below it, and none breaks a rule of the house.</summary>
public sealed class EngineTests
{
    private const string Engine = "src/OrleansRocketMQ.Engine";

    /// <summary>
    /// From the ground up. Folders of one floor do not name each other, and what is folded inside another folder is a
    /// floor of its own. A new folder gets its place here and in docs/architecture.md.
    /// </summary>
    private static readonly string[][] Floors =
    [
        ["Options", "Contracts", "Scheduling"],
        ["Ports"],
        ["Telemetry", "Invariants", "."],
        ["Statistics", "Flow"],
        ["Window"],
        ["Offsets", "Locks", "Retry", "Subscriptions", "Ownership"],
        ["Invocation"],
        ["Dispatch"],
        ["Dispatch/Concurrent", "Dispatch/Orderly", "Dispatch/KeyOrdered"],
        ["Queue"],
        ["Allocation"],
        ["Rebalance"],
        ["Group"],
    ];

    private static readonly IReadOnlyList<SourceFile> Sources = SourceFile.Of(Engine);

    public static TheoryData<string> Rules => [.. HouseRule.All.Select(rule => rule.Name)];

    [Theory]
    [MemberData(nameof(Rules))]
    public void The_engine_breaks_no_rule(string name) => Assert.Empty(HouseRule.All.Single(rule => rule.Name == name).Broken(Sources));

    [Fact]
    public void Each_folder_is_a_floor()
        => Assert.DoesNotContain(Sources.Select(file => file.Folder).Distinct(), folder => FloorOf(folder) < 0);

    [Fact]
    public void Each_floor_names_only_those_below_it() => Assert.Empty(Upward(Sources));

    [Fact]
    public void A_floor_that_names_one_beside_or_above_it_is_noticed()
    {
        var found = Upward(
        [
            new("Flow/Rate.cs", "class Rate { Figures? _beside; Book? _above; }"),
            new("Statistics/Figures.cs", "class Figures;"),
            new("Window/Book.cs", "class Book { Rate? _below; }"),
        ]);

        Assert.Equal(["Flow -> Statistics: Flow/Rate.cs names Figures", "Flow -> Window: Flow/Rate.cs names Book"], found.Order(StringComparer.Ordinal));
    }

    private static IEnumerable<string> Upward(IReadOnlyList<SourceFile> files) => new FolderMap(files).Arrows
        .Where(found => FloorOf(found.Key.To) >= FloorOf(found.Key.From))
        .Select(found => $"{found.Key}: {string.Join(", ", found.Value)}");

    private static int FloorOf(string folder) => Array.FindIndex(Floors, floor => floor.Contains(folder));
}

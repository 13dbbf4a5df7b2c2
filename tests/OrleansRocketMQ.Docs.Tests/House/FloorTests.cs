namespace OrleansRocketMQ.Docs.House;

/// <summary>
/// The folders of the engine and of the silo side are floors: each names only those below it. A new folder gets its place
/// here and in docs/architecture.md.
/// </summary>
public sealed class FloorTests
{
    private const string Engine = "src/OrleansRocketMQ.Engine";
    private const string SiloSide = "src/OrleansRocketMQ";

    private static readonly FloorPlan EngineFloors = new(
        ["Options", "Contracts", "Scheduling"],
        ["Ports"],
        ["."],
        ["Statistics", "Flow"],
        ["Window"],
        ["Offsets", "Locks", "Retry", "Subscriptions", "Ownership"],
        ["Dispatch"],
        ["Dispatch/Concurrent", "Dispatch/Orderly", "Dispatch/KeyOrdered"],
        ["Queue"],
        ["Pop"],
        ["Allocation"],
        ["Rebalance"],
        ["Group"]);

    private static readonly FloorPlan SiloFloors = new(
        ["Configuration", "Tracing", "Effects", "."],
        ["Brokers", "Membership", "DeadLetters", "Parking"],
        ["Allocation"],
        ["Allocation/Agreement", "Queues"],
        ["Groups", "Storage"],
        ["Telemetry", "Statistics", "Placement", "Rebalance", "Filters"],
        ["Listeners", "Settings", "Subscriptions"],
        ["Declaration"],
        ["Consumers"],
        ["Management", "Connectivity", "Health", "Admin", "Outboxes", "WarmUp"],
        ["Grains"],
        ["Hosting"]);

    private static readonly Dictionary<string, (FloorPlan Plan, IReadOnlyList<SourceFile> Files)> Houses = new(StringComparer.Ordinal)
    {
        [Engine] = (EngineFloors, SourceFile.Of(Engine)),
        [SiloSide] = (SiloFloors, SourceFile.Of(SiloSide)),
    };

    public static TheoryData<string> Projects => [.. Houses.Keys];

    public static TheoryData<string> Rules => [.. HouseRule.All.Select(rule => rule.Name)];

    [Theory]
    [MemberData(nameof(Rules))]
    public void The_engine_breaks_no_rule(string name)
        => Assert.Empty(HouseRule.All.Single(rule => rule.Name == name).Broken(Houses[Engine].Files));

    [Fact]
    public void The_engine_ends_no_source_after_a_time_by_itself()
    {
        Assert.Empty(Houses[Engine].Files.SelectMany(Calls.OfCancelAfter));
        Assert.Equal(["A.cs:1"], Calls.OfCancelAfter(new("A.cs", "class A { void M() => _source.CancelAfter(x); }")));
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void Each_folder_is_a_floor_and_each_floor_is_there(string project)
    {
        var (plan, files) = Houses[project];

        Assert.Empty(plan.Unplaced(files));
        Assert.Empty(plan.Missing(files));
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void Each_floor_names_only_those_below_it(string project) => Assert.Empty(Houses[project].Plan.Upward(Houses[project].Files));

    [Fact]
    public void A_floor_that_names_one_beside_or_above_it_is_noticed()
    {
        var found = EngineFloors.Upward(
        [
            new("Flow/Rate.cs", "class Rate { Figures? _beside; Book? _above; }"),
            new("Statistics/Figures.cs", "class Figures;"),
            new("Window/Book.cs", "class Book { Rate? _below; }"),
        ]);

        Assert.Equal(["Flow -> Statistics: Flow/Rate.cs names Figures", "Flow -> Window: Flow/Rate.cs names Book"], found.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_folder_without_a_floor_and_a_floor_without_a_folder_are_noticed()
    {
        var plan = new FloorPlan(["Low"], ["High"]);
        SourceFile[] files = [new("Low/A.cs", "class A;"), new("Attic/B.cs", "class B;")];

        Assert.Equal(["Attic"], plan.Unplaced(files));
        Assert.Equal(["High"], plan.Missing(files));
    }
}

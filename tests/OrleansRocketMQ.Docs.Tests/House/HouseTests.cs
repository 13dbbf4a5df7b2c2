namespace OrleansRocketMQ.Docs.House;

/// <summary>
/// The order of the house: how long files, members and lines are, which folder names which, and who reads a clock.
/// <c>house.txt</c> says how often each project breaks each rule; the numbers may only fall, and one that has fallen is
/// lowered there, so that it does not rise again. The present numbers are written by
/// <c>HOUSE_WRITE=1 dotnet test tests/OrleansRocketMQ.Docs.Tests --filter HouseTests</c>.
/// </summary>
public sealed class HouseTests
{
    private const int MostShown = 20;

    public static TheoryData<string> Projects => [.. HouseTable.Projects];

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_project_breaks_each_rule_as_often_as_the_table_says(string project)
    {
        Assert.True(HouseTable.Rows.TryGetValue(project, out var row), $"{HouseTable.Path} has no row for {project}.");
        Assert.Equal(HouseRule.All.Count, row.Length);
        var files = SourceFile.Of(project);
        Assert.NotEmpty(files);

        Assert.Empty(HouseRule.All.Zip(row).Select(stated => Compared(stated.First, stated.Second, files)).OfType<string>());
    }

    [Fact]
    public void The_table_has_no_row_for_a_project_that_is_gone() => Assert.Empty(HouseTable.Rows.Keys.Except(HouseTable.Projects));

    [Fact]
    public void A_number_that_is_not_the_truth_is_noticed()
    {
        var rule = HouseRule.All.Single(rule => rule.Name == "lines");
        SourceFile[] files = [new("A.cs", new string('/', 141))];

        Assert.Null(Compared(rule, 1, files));
        Assert.Contains("A.cs:1 has 141 columns", Compared(rule, 0, files), StringComparison.Ordinal);
        Assert.Contains("lower the number", Compared(rule, 2, files), StringComparison.Ordinal);
    }

    private static string? Compared(HouseRule rule, int stated, IReadOnlyList<SourceFile> files)
    {
        var found = rule.Broken(files).ToList();
        return found.Count.CompareTo(stated) switch
        {
            0 => null,
            < 0 => $"{rule.Name}: {found.Count}, no longer {stated}: lower the number in {HouseTable.Path} ({HouseTable.Variable}=1 writes it).",
            _ => $"{rule.Name}: {found.Count} instead of {stated}, but {rule.Words}:\n{string.Join('\n', found.Take(MostShown))}",
        };
    }
}

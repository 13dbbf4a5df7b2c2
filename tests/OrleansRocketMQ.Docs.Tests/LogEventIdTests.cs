using System.Text.RegularExpressions;

namespace OrleansRocketMQ.Docs;

/// <summary>Who filters or alerts by the id of an event gets that event and no other of the same project.</summary>
public sealed partial class LogEventIdTests
{
    public static TheoryData<string> Projects => [.. Directory.EnumerateDirectories(Repository.At("src")).Append(Repository.At("silo-host"))
        .Select(folder => Path.GetRelativePath(Repository.Root, folder))
        .Where(folder => IdsOf(folder).Any())];

    [Theory]
    [MemberData(nameof(Projects))]
    public void No_event_id_is_given_twice_in_a_project(string project) => Assert.Empty(
        IdsOf(project).GroupBy(found => found.Id).Where(same => same.Count() > 1).Select(same => $"{same.Key}: {string.Join(", ", same.Select(found => found.File))}"));

    [Fact]
    public void Ids_are_found()
    {
        Assert.Contains(Path.Combine("src", "OrleansRocketMQ"), ((IEnumerable<object[]>)Projects).Select(row => (string)row[0]));
        Assert.True(IdsOf("src/OrleansRocketMQ").Concat(IdsOf("src/OrleansRocketMQ.Engine")).Count() > 80);
        Assert.Equal(["7", "8"], EventId().Matches("[LoggerMessage(7, x)] [LoggerMessage(Level = x, EventId = 8)]").Select(match => IdOf(match)));
    }

    private static IEnumerable<(string Id, string File)> IdsOf(string project) => Repository.Sources(project)
        .SelectMany(file => EventId().Matches(File.ReadAllText(file)).Select(match => (IdOf(match), Path.GetFileName(file))));

    private static string IdOf(Match match) => match.Groups["id"].Value;

    [GeneratedRegex(@"LoggerMessage\(\s*(?:[^)""]*?EventId\s*=\s*)?(?<id>\d+)")]
    private static partial Regex EventId();
}

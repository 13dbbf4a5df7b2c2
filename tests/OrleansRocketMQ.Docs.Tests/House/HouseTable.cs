using System.Globalization;
using System.Text;

namespace OrleansRocketMQ.Docs.House;

/// <summary>How often each project breaks each rule, as House/house.txt says it.</summary>
internal static class HouseTable
{
    /// <summary>Set to 1, the present numbers are written into the file before anything is compared.</summary>
    public const string Variable = "HOUSE_WRITE";

    public const string Path = "tests/OrleansRocketMQ.Docs.Tests/House/house.txt";

    private static readonly Lazy<Dictionary<string, int[]>> Read = new(() =>
    {
        if (Environment.GetEnvironmentVariable(Variable) == "1")
        {
            File.WriteAllText(Repository.At(Path), Present());
        }

        return Repository.LinesOf(Path).Skip(1)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .ToDictionary(cells => cells[0], cells => cells.Skip(1).Select(cell => int.Parse(cell, CultureInfo.InvariantCulture)).ToArray());
    });

    public static IReadOnlyList<string> Projects { get; } =
    [
        "silo-host",
        .. Directory.EnumerateFiles(Repository.At("src"), "*.csproj", SearchOption.AllDirectories)
            .Select(file => $"src/{System.IO.Path.GetFileNameWithoutExtension(file)}")
            .Order(StringComparer.Ordinal),
    ];

    public static IReadOnlyDictionary<string, int[]> Rows => Read.Value;

    /// <summary>The table as it would have to be now.</summary>
    public static string Present()
    {
        var table = new StringBuilder($"{"project",-32}");
        table.AppendJoin(string.Empty, HouseRule.All.Select(rule => $"{rule.Name,8}")).Append('\n');
        foreach (var project in Projects)
        {
            var files = SourceFile.Of(project);
            table.Append(CultureInfo.InvariantCulture, $"{project,-32}");
            table.AppendJoin(string.Empty, HouseRule.All.Select(rule => $"{rule.Broken(files).Count(),8}")).Append('\n');
        }

        return table.ToString();
    }
}

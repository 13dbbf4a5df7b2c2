using System.Globalization;

namespace OrleansRocketMQ.Chaos.Rounds;

/// <summary>A line for each round that was run, each with when, and the tree of the commit it was run with.</summary>
/// <param name="path">The file; null: none is kept.</param>
/// <param name="tree">The tree that rounds are run with now.</param>
internal sealed class ResultsFile(string? path, string tree)
{
    /// <summary>The seeds of these that have a line with this tree and as long a round, however it ended.</summary>
    public IReadOnlyList<int> DoneOf(IEnumerable<int> seeds, TimeSpan lasts)
    {
        if (path is null || !File.Exists(path))
        {
            return [];
        }

        var lines = File.ReadAllLines(path).Where(line => line.Contains($" tree {tree} ", StringComparison.Ordinal)).ToList();
        return [.. seeds.Where(seed => lines.Exists(line => line.Contains(BeginningOf(seed, lasts), StringComparison.Ordinal)))];
    }

    public async Task AddAsync(string result)
    {
        var line = string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:yyyy-MM-dd HH:mm:ss}Z tree {tree} {result}");
        Console.WriteLine(line);
        if (path is not null)
        {
            await File.AppendAllLinesAsync(path, [line]);
        }
    }

    /// <summary>What only the line of this seed and so long a round has.</summary>
    public static string BeginningOf(int seed, TimeSpan lasts) => string.Create(CultureInfo.InvariantCulture, $" seed {seed}: {lasts.TotalSeconds:0} s,");
}

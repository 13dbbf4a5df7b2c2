using System.Reflection;

namespace OrleansRocketMQ.Docs;

/// <summary>The files of this repository, documents and sources.</summary>
internal static class Repository
{
    public static string Root { get; } = typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(metadata => metadata.Key == "repository").Value!;

    /// <summary>README.md and everything in docs, by its path from the root.</summary>
    public static IReadOnlyList<string> Documents { get; } = ["README.md", .. Directory.GetFiles(At("docs"), "*.md").Select(file => $"docs/{Path.GetFileName(file)}").Order(StringComparer.Ordinal)];

    public static string At(string path) => Path.GetFullPath(Path.Combine(Root, path));

    public static string[] LinesOf(string path) => File.ReadAllLines(At(path));

    /// <summary>The sources below some folders, without what a build leaves there.</summary>
    public static IEnumerable<string> Sources(params string[] folders) => folders
        .SelectMany(folder => Directory.EnumerateFiles(At(folder), "*.cs", SearchOption.AllDirectories))
        .Where(file => !Path.GetRelativePath(Root, file).Split(Path.DirectorySeparatorChar).Any(part => part is "obj" or "bin"));

    /// <summary>The blocks of a kind in a document, such as csharp or log; each as its lines.</summary>
    public static IEnumerable<string[]> Blocks(string document, string kind)
    {
        List<string>? block = null;
        foreach (var line in LinesOf(document))
        {
            if (block is null)
            {
                block = line == $"```{kind}" ? [] : null;
            }
            else if (line.StartsWith("```", StringComparison.Ordinal))
            {
                yield return [.. block];
                block = null;
            }
            else
            {
                block.Add(line);
            }
        }
    }

    /// <summary>The rows of the table below a heading of a document, each as its cells.</summary>
    public static IEnumerable<string[]> Rows(string document, string heading) => LinesOf(document)
        .SkipWhile(line => line != $"## {heading}")
        .Skip(1)
        .TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal))
        .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
        .Select(line => line.Trim()[1..^1].Replace("\\|", "¦", StringComparison.Ordinal).Split('|', StringSplitOptions.TrimEntries));
}

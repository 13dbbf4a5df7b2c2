namespace OrleansRocketMQ.Fuzz.Kernel;

/// <summary>Inputs that are kept: a line each, in Base64. Lines that begin with # are said to people.</summary>
internal static class Corpus
{
    private static string Folder => Path.Join(AppContext.BaseDirectory, "Corpora");

    /// <summary>Inputs that reach all that long runs have reached.</summary>
    public static IReadOnlyList<byte[]> Kept(FuzzTarget target) => Read(Path.Join(Folder, $"{target.Name}.txt"));

    /// <summary>Inputs on which something went wrong once.</summary>
    public static IReadOnlyList<byte[]> Found(FuzzTarget target) => Read(Path.Join(Folder, $"{target.Name}.found.txt"));

    public static void Write(string folder, FuzzReport report)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllLines(Path.Join(folder, $"{report.Target}.txt"), report.Corpus.Select(Convert.ToBase64String));
        if (report.Failures.Count > 0)
        {
            File.AppendAllLines(
                Path.Join(folder, $"{report.Target}.found.txt"),
                report.Failures.SelectMany(failure => new[] { $"# {failure.What}", Convert.ToBase64String(failure.Input) }));
        }
    }

    private static IReadOnlyList<byte[]> Read(string file)
        => File.Exists(file) ? [.. File.ReadLines(file).Where(line => !line.StartsWith('#')).Select(Convert.FromBase64String)] : [];
}

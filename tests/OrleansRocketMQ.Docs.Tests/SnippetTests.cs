namespace OrleansRocketMQ.Docs;

/// <summary>The C# in the documents compiles: each block stands, word for word, in a source that the build compiles.</summary>
public sealed class SnippetTests
{
    // What it shows needs OpenTelemetry.Extensions.Hosting, which nothing else here does.
    private static readonly string[] Elsewhere = ["docs/observability.md"];

    private static readonly Lazy<string[]> Sources = new(() => [.. Repository.Sources("samples", "tests/OrleansRocketMQ.Docs.Tests/Snippets").Select(file => Plain(File.ReadLines(file)))]);

    public static IEnumerable<object[]> Blocks => Repository.Documents
        .Except(Elsewhere)
        .SelectMany(document => Repository.Blocks(document, "csharp").Select((_, number) => new object[] { document, number }));

    [Theory]
    [MemberData(nameof(Blocks))]
    public void A_block_of_code_stands_in_a_source_that_compiles(string document, int number)
    {
        var block = Plain(Repository.Blocks(document, "csharp").ElementAt(number));

        Assert.True(Sources.Value.Any(source => source.Contains(block, StringComparison.Ordinal)), $"No source has this block of {document}:\n{block}");
    }

    [Fact]
    public void There_are_blocks_to_check() => Assert.True(Blocks.Count() >= 10);

    /// <summary>Without indentation and empty lines; a line begins and ends with a line break, so that no part of a line passes for one.</summary>
    private static string Plain(IEnumerable<string> lines) => $"\n{string.Join('\n', lines.Select(line => line.Trim()).Where(line => line.Length > 0))}\n";
}

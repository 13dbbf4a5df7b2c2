using System.Text.RegularExpressions;

namespace OrleansRocketMQ.Docs;

/// <summary>Links between documents lead somewhere.</summary>
public sealed partial class LinkTests
{
    public static TheoryData<string> Documents => [.. Repository.Documents];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_link_within_the_repository_leads_to_a_file_and_a_heading_of_it(string document)
    {
        var folder = Path.GetDirectoryName(Repository.At(document))!;
        foreach (Match link in Link().Matches(string.Join('\n', Repository.LinesOf(document))))
        {
            var target = link.Groups[1].Value;
            if (target.Contains("://", StringComparison.Ordinal))
            {
                continue;
            }

            var (path, heading) = target.Split('#') is [var before, var after] ? (before, after) : (target, null);
            var file = path.Length == 0 ? Repository.At(document) : Path.GetFullPath(Path.Combine(folder, path));
            Assert.True(File.Exists(file) || Directory.Exists(file), $"{document} links to {target}");
            Assert.True(heading is null || File.ReadLines(file).Where(line => line.StartsWith('#')).Select(Anchor).Contains(heading), $"{document} links to {target}; there is no such heading");
        }
    }

    [Fact]
    public void Every_document_is_in_the_index_of_the_README()
    {
        var readme = string.Join('\n', Repository.LinesOf("README.md"));

        Assert.All(Repository.Documents.Skip(1), document => Assert.Contains($"]({document})", readme, StringComparison.Ordinal));
    }

    /// <summary>A heading's name in a link, as GitHub makes it.</summary>
    private static string Anchor(string heading)
        => NotInAnchor().Replace(heading.TrimStart('#').Trim().ToLowerInvariant(), string.Empty).Replace(' ', '-');

    [GeneratedRegex(@"\[[^\]\n]*\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"[^\p{L}\p{N} _-]")]
    private static partial Regex NotInAnchor();
}

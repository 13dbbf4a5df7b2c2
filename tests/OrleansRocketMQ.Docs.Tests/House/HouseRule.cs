using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace OrleansRocketMQ.Docs.House;

/// <summary>A rule for the sources of a project, and where a project breaks it.</summary>
internal sealed record HouseRule(string Name, string Words, Func<IReadOnlyList<SourceFile>, IEnumerable<string>> Broken)
{
    public const int MostLines = 400;
    public const int MostLinesOfMember = 60;
    public const int MostColumns = 140;

    /// <summary>In the order of the table's columns. That no event id is given twice, LogEventIdTests holds everywhere.</summary>
    public static IReadOnlyList<HouseRule> All { get; } =
    [
        new("files", $"no file has more than {MostLines} lines", files => files.Where(file => file.Lines.Count > MostLines).Select(LengthOf)),
        new("members", $"no member has more than {MostLinesOfMember} lines", files => files.SelectMany(LongMembers)),
        new("lines", $"no line has more than {MostColumns} columns", files => files.SelectMany(LongLines)),
        new("circles", "no folders name each other in a circle", Circles),
        new("calls", "clocks, timers, threads and randomness are handed in", files => files.SelectMany(Calls.In)),
        new("awaits", "what is awaited goes on where it was", files => files.SelectMany(Calls.OfConfigureAwait)),
    ];

    public override string ToString() => Name;

    private static string LengthOf(SourceFile file) => $"{file.Path} has {file.Lines.Count} lines";

    private static IEnumerable<string> LongLines(SourceFile file) => file.Lines.Index()
        .Where(line => line.Item.Length > MostColumns)
        .Select(line => $"{file.Path}:{line.Index + 1} has {line.Item.Length} columns");

    private static IEnumerable<string> LongMembers(SourceFile file) => file.Root.DescendantNodes()
        .OfType<MemberDeclarationSyntax>()
        .Where(member => member is not (BaseTypeDeclarationSyntax or BaseNamespaceDeclarationSyntax))
        .Select(member => member.GetLocation().GetLineSpan())
        .Select(span => (First: span.StartLinePosition.Line + 1, Last: span.EndLinePosition.Line + 1))
        .Where(lines => lines.Last - lines.First >= MostLinesOfMember)
        .Select(lines => $"{file.Path}:{lines.First} has {lines.Last - lines.First + 1} lines");

    private static IEnumerable<string> Circles(IReadOnlyList<SourceFile> files)
    {
        var map = new FolderMap(files);
        return map.InCircles.Select(arrow => $"{arrow}: {string.Join(", ", map.Arrows[arrow])}");
    }
}

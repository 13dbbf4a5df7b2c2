using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace OrleansRocketMQ.Docs.House;

/// <summary>One source of a project: its path from the project's folder, with slashes, and what the compiler reads in it.</summary>
internal sealed class SourceFile(string path, string text)
{
    public string Path => path;

    /// <summary>The folder the file lies in; a dot for the project's own.</summary>
    public string Folder { get; } = path.LastIndexOf('/') is > 0 and var end ? path[..end] : ".";

    public IReadOnlyList<string> Lines { get; } = text.TrimEnd('\n').Split('\n');

    public CompilationUnitSyntax Root { get; } = CSharpSyntaxTree.ParseText(text).GetCompilationUnitRoot();

    /// <summary>All sources of a project of this repository.</summary>
    public static IReadOnlyList<SourceFile> Of(string project) =>
    [
        .. Repository.Sources(project)
            .Order(StringComparer.Ordinal)
            .Select(file => new SourceFile(
                System.IO.Path.GetRelativePath(Repository.At(project), file).Replace('\\', '/'),
                File.ReadAllText(file))),
    ];
}

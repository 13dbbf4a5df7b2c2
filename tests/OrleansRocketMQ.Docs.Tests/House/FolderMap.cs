using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace OrleansRocketMQ.Docs.House;

/// <summary>One folder of a project names a type of another one.</summary>
internal sealed record Arrow(string From, string To)
{
    public override string ToString() => $"{From} -> {To}";
}

/// <summary>
/// Which folder of a project names types of which other folder. A type is known by its name, so what is called like
/// a type counts as that type, except where the language says that it is a member. A name that types of several folders
/// have counts for none of them.
/// </summary>
internal sealed class FolderMap
{
    private readonly Dictionary<string, string> _folderOf;
    private readonly Dictionary<Arrow, SortedSet<string>> _arrows = [];
    private readonly HashSet<string> _namespaces = [];

    public FolderMap(IReadOnlyList<SourceFile> files)
    {
        _folderOf = files
            .SelectMany(file => TypesIn(file).Select(type => (Type: type, file.Folder)))
            .Distinct()
            .GroupBy(declared => declared.Type)
            .Where(same => same.Count() == 1)
            .ToDictionary(same => same.Key, same => same.Single().Folder);
        foreach (var space in files.SelectMany(file => file.Root.Members.OfType<BaseNamespaceDeclarationSyntax>()))
        {
            _namespaces.UnionWith(space.Name.ToString().Split('.'));
        }

        foreach (var file in files)
        {
            foreach (var name in NamesIn(file))
            {
                Note(file, name);
            }
        }
    }

    /// <summary>Each arrow with what it comes from, as "file names type".</summary>
    public IReadOnlyDictionary<Arrow, SortedSet<string>> Arrows => _arrows;

    /// <summary>The arrows that are part of a circle: from where they lead to there is a way back.</summary>
    public IEnumerable<Arrow> InCircles => _arrows.Keys
        .Where(arrow => Leads(arrow.To, arrow.From))
        .OrderBy(arrow => arrow.ToString(), StringComparer.Ordinal);

    /// <summary>Types that stand in no other one; those that do are named together with it, or in its own file.</summary>
    private static IEnumerable<string> TypesIn(SourceFile file) => file.Root
        .DescendantNodes(node => node is CompilationUnitSyntax or BaseNamespaceDeclarationSyntax)
        .Select(node => node switch
        {
            BaseTypeDeclarationSyntax type => type.Identifier.Text,
            DelegateDeclarationSyntax type => type.Identifier.Text,
            _ => null,
        })
        .OfType<string>();

    private IEnumerable<string> NamesIn(SourceFile file) => file.Root
        .DescendantNodes(node => node is not UsingDirectiveSyntax && !(node is NameSyntax && node.Parent is BaseNamespaceDeclarationSyntax))
        .OfType<SimpleNameSyntax>()
        .Where(name => !IsMember(name))
        .Select(name => name.Identifier.Text)
        .Distinct();

    private bool IsMember(SimpleNameSyntax name) => name.Parent switch
    {
        BaseNamespaceDeclarationSyntax or NameColonSyntax or NameEqualsSyntax or MemberBindingExpressionSyntax => true,
        MemberAccessExpressionSyntax access => access.Name == name && !_namespaces.Contains(LastNameOf(access.Expression)),
        InvocationExpressionSyntax => true,
        AssignmentExpressionSyntax { Parent: InitializerExpressionSyntax } set => set.Left == name,
        _ => false,
    };

    private static string LastNameOf(ExpressionSyntax expression) => expression switch
    {
        SimpleNameSyntax name => name.Identifier.Text,
        MemberAccessExpressionSyntax access => access.Name.Identifier.Text,
        _ => string.Empty,
    };

    private void Note(SourceFile file, string name)
    {
        if (FolderOf(name) is not { } folder || folder == file.Folder)
        {
            return;
        }

        var arrow = new Arrow(file.Folder, folder);
        if (!_arrows.TryGetValue(arrow, out var reasons))
        {
            _arrows.Add(arrow, reasons = new SortedSet<string>(StringComparer.Ordinal));
        }

        reasons.Add($"{file.Path} names {name}");
    }

    /// <summary>An attribute may be named without its ending.</summary>
    private string? FolderOf(string name) => _folderOf.GetValueOrDefault(name) ?? _folderOf.GetValueOrDefault(name + "Attribute");

    private bool Leads(string from, string to)
    {
        var seen = new HashSet<string> { from };
        var open = new Queue<string>(seen);
        while (open.TryDequeue(out var folder))
        {
            if (folder == to)
            {
                return true;
            }

            foreach (var next in _arrows.Keys.Where(arrow => arrow.From == folder && seen.Add(arrow.To)))
            {
                open.Enqueue(next.To);
            }
        }

        return false;
    }
}

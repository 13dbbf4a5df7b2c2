using System.Reflection;

namespace OrleansRocketMQ.Packages.Tests;

/// <summary>What the build told this project about the repository.</summary>
internal static class Repository
{
    private static readonly Dictionary<string, string?> Facts = typeof(Repository).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>().ToDictionary(fact => fact.Key, fact => fact.Value);

    public static string Folder => Fact("repository");

    public static string Configuration => Fact("configuration");

    /// <summary>The version of all packages.</summary>
    public static string Version => Fact("version");

    /// <summary>Where NuGet keeps the packages this build used.</summary>
    public static string PackageFolder => Fact("packages");

    /// <summary>Names of all projects in src; each is a package.</summary>
    public static IReadOnlyList<string> Projects { get; } =
    [
        .. Directory.EnumerateFiles(Path.Combine(Folder, "src"), "*.csproj", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 1 })
            .Select(file => Path.GetFileNameWithoutExtension(file)!).Order(StringComparer.Ordinal),
    ];

    public static TheoryData<string> AllProjects => [.. Projects];

    public static string FolderOf(string project) => Path.Combine(Folder, "src", project);

    public static Assembly AssemblyOf(string project) => Assembly.Load(project);

    /// <summary>The documentation the compiler wrote beside a library.</summary>
    public static string DocumentationOf(string project) => Path.Combine(FolderOf(project), "bin", Configuration, $"net{Environment.Version.Major}.0", $"{project}.xml");

    private static string Fact(string name) => Facts.GetValueOrDefault(name) ?? throw new InvalidOperationException($"The project file gives no '{name}'.");
}

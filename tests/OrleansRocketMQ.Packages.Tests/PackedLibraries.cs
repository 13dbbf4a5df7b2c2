using System.IO.Compression;
using System.Xml.Linq;

namespace OrleansRocketMQ.Packages.Tests;

/// <summary>Everything in src, packed once for all tests from what the build left.</summary>
[CollectionDefinition(Collection)]
public sealed class PackedLibraries : IAsyncLifetime, ICollectionFixture<PackedLibraries>
{
    /// <summary>The tests that share them.</summary>
    public const string Collection = "packages";

    private readonly TestFolder _folder = new();

    /// <summary>Where the packages are; a folder NuGet can take packages from.</summary>
    public string Folder => Path.Combine(_folder.Path, "feed");

    public async Task InitializeAsync()
    {
        // As "dotnet pack --no-build", for exactly those projects this one has built.
        var projects = string.Join(';', Repository.Projects.Select(project => Path.Combine(Repository.FolderOf(project), $"{project}.csproj")));
        var all = Path.Combine(_folder.Path, "pack.proj");
        await File.WriteAllTextAsync(
            all,
            $"""
            <Project>
              <Target Name="Pack">
                <MSBuild Projects="{projects}" Targets="Pack" BuildInParallel="true"
                         Properties="NoBuild=true;Configuration={Repository.Configuration};PackageOutputPath={Folder}" />
              </Target>
            </Project>
            """);
        await DotNet.RunAsync(_folder.Path, "msbuild", all, "-target:Pack", "-nologo", "-maxCpuCount", "-warnAsError");
    }

    public Task DisposeAsync()
    {
        _folder.Dispose();
        return Task.CompletedTask;
    }

    internal Package Open(string project) => new(Path.Combine(Folder, $"{project}.{Repository.Version}.nupkg"));

    internal Package OpenSymbols(string project) => new(Path.Combine(Folder, $"{project}.{Repository.Version}.snupkg"));
}

/// <summary>One package.</summary>
internal sealed class Package : IDisposable
{
    private readonly ZipArchive _archive;

    public Package(string file)
    {
        _archive = ZipFile.OpenRead(file);
        Manifest = Read(_archive.Entries.Single(entry => entry.FullName.EndsWith(".nuspec", StringComparison.Ordinal)).FullName);
        Metadata = XDocument.Parse(Manifest).Root!.Elements().Single(element => element.Name.LocalName == "metadata");
    }

    /// <summary>The text of the nuspec.</summary>
    public string Manifest { get; }

    public XElement Metadata { get; }

    /// <summary>Its files, without those that belong to the format.</summary>
    public IReadOnlyList<string> Files =>
    [
        .. _archive.Entries.Select(entry => entry.FullName)
            .Where(file => !file.EndsWith(".nuspec", StringComparison.Ordinal) && !file.EndsWith(".psmdcp", StringComparison.Ordinal) && file is not ("[Content_Types].xml" or "_rels/.rels"))
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>What it needs, as <c>id version</c>, and frameworks beside the usual one.</summary>
    public IReadOnlyList<string> Dependencies =>
    [
        .. Metadata.Descendants().Where(element => element.Name.LocalName == "dependency").Select(element => $"{element.Attribute("id")!.Value} {element.Attribute("version")!.Value}")
            .Concat(Metadata.Descendants().Where(element => element.Name.LocalName == "frameworkReference").Select(element => element.Attribute("name")!.Value))
            .Order(StringComparer.Ordinal),
    ];

    public string? this[string name] => Metadata.Elements().SingleOrDefault(element => element.Name.LocalName == name)?.Value;

    public string Read(string file)
    {
        using var reader = new StreamReader(_archive.GetEntry(file)!.Open());
        return reader.ReadToEnd();
    }

    public void Dispose() => _archive.Dispose();
}

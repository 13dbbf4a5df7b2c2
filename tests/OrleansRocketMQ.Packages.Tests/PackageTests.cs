using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace OrleansRocketMQ.Packages.Tests;

/// <summary>What is in the packages that would be published.</summary>
[Collection(PackedLibraries.Collection)]
public sealed partial class PackageTests(PackedLibraries packed)
{
    // Packages, of ours in the same version and of others in the one of Directory.Packages.props, and frameworks.
    private static readonly Dictionary<string, string[]> Needs = new()
    {
        ["OrleansRocketMQ"] = ["Microsoft.Extensions.Diagnostics.HealthChecks", "Microsoft.Orleans.Server", "OrleansRocketMQ.Abstractions", "OrleansRocketMQ.Engine"],
        ["OrleansRocketMQ.Abstractions"] = ["Microsoft.Orleans.Sdk", "OrleansRocketMQ.Remoting"],
        ["OrleansRocketMQ.Compression"] = ["K4os.Compression.LZ4.Streams", "OrleansRocketMQ.Remoting", "ZstdSharp.Port"],
        ["OrleansRocketMQ.Dashboard"] = ["Microsoft.AspNetCore.App", "OrleansRocketMQ"],
        ["OrleansRocketMQ.Embedded"] = ["OrleansRocketMQ.Remoting"],
        ["OrleansRocketMQ.Engine"] = ["OrleansRocketMQ.Remoting"],
        ["OrleansRocketMQ.MessagePack"] = ["MessagePack", "OrleansRocketMQ.Remoting"],
        ["OrleansRocketMQ.Protobuf"] = ["Google.Protobuf", "OrleansRocketMQ.Remoting"],
        ["OrleansRocketMQ.Remoting"] = ["Microsoft.Extensions.Logging.Abstractions", "System.IO.Hashing"],
        ["OrleansRocketMQ.TestKit"] = ["Microsoft.Orleans.TestingHost", "OrleansRocketMQ", "OrleansRocketMQ.Embedded"],
    };

    public static TheoryData<string> Projects => Repository.AllProjects;

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_package_says_what_it_is(string project)
    {
        using var package = packed.Open(project);

        Assert.Equal(project, package["id"]);
        Assert.Equal(Repository.Version, package["version"]);
        Assert.Equal("Apache-2.0", package["license"]);
        Assert.Equal("README.md", package["readme"]);
        Assert.False(string.IsNullOrWhiteSpace(package["authors"]));
        Assert.Contains("rocketmq", package["tags"]!.Split(' '));
        Assert.DoesNotContain("Package Description", package["description"], StringComparison.Ordinal);
        Assert.DoesNotContain(Repository.Projects.Where(other => other != project), other => Describes(other) == package["description"]);
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_package_holds_its_library_with_documentation_and_readme_and_nothing_else(string project)
    {
        using var package = packed.Open(project);

        Assert.Equal(["README.md", $"lib/{Framework}/{project}.dll", $"lib/{Framework}/{project}.xml"], package.Files);
        Assert.Contains($"<name>{project}</name>", package.Read($"lib/{Framework}/{project}.xml"), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_readme_begins_with_the_package_and_shows_a_first_example_on_one_page(string project)
    {
        using var package = packed.Open(project);
        var lines = package.Read("README.md").Split('\n');

        Assert.Equal($"# {project}", lines[0]);
        Assert.Contains("```csharp", lines);
        Assert.InRange(lines.Length, 15, 60);
        // On a package's page there is no repository around it.
        Assert.DoesNotContain(lines, line => RelativeLink().IsMatch(line));
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_package_needs_what_it_must_and_no_tools_of_ours(string project)
    {
        using var package = packed.Open(project);

        Assert.Equal(Needs[project].Select(WithVersion).Order(StringComparer.Ordinal), package.Dependencies);
    }

    [Theory]
    [InlineData("OrleansRocketMQ.Remoting")]
    [InlineData("OrleansRocketMQ.Embedded")]
    [InlineData("OrleansRocketMQ.Compression")]
    [InlineData("OrleansRocketMQ.Engine")]
    [InlineData("OrleansRocketMQ.MessagePack")]
    [InlineData("OrleansRocketMQ.Protobuf")]
    public void A_package_without_Orleans_needs_none_by_a_detour_either(string project)
    {
        var needed = new Queue<string>([project]);
        while (needed.TryDequeue(out var id))
        {
            Assert.DoesNotContain("Microsoft.Orleans", id, StringComparison.Ordinal);
            if (Repository.Projects.Contains(id))
            {
                using var package = packed.Open(id);
                package.Dependencies.ToList().ForEach(dependency => needed.Enqueue(dependency.Split(' ')[0]));
                Assert.DoesNotContain(Repository.AssemblyOf(id).GetReferencedAssemblies(), reference => reference.Name!.StartsWith("Orleans.", StringComparison.Ordinal));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void Symbols_come_with_every_package(string project)
    {
        using var symbols = packed.OpenSymbols(project);

        Assert.Equal([$"lib/{Framework}/{project}.pdb"], symbols.Files);
        Assert.Equal("SymbolsPackage", symbols.Metadata.Descendants().Single(element => element.Name.LocalName == "packageType").Attribute("name")!.Value);
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void Nothing_tells_of_the_machine_that_packed_it(string project)
    {
        using var package = packed.Open(project);

        foreach (var text in new[] { package.Manifest, package.Read("README.md"), package.Read($"lib/{Framework}/{project}.xml") })
        {
            Assert.DoesNotContain(Repository.Folder, text, StringComparison.Ordinal);
            Assert.DoesNotContain(Path.TrimEndingDirectorySeparator(Path.GetTempPath()) + Path.DirectorySeparatorChar, text, StringComparison.Ordinal);
            Assert.DoesNotContain("file://", text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_dashboards_page_is_inside_of_its_library()
    {
        var page = Directory.EnumerateFiles(Path.Combine(Repository.FolderOf("OrleansRocketMQ.Dashboard"), "Page")).Select(file => Path.GetFileName(file)!).Where(file => !file.EndsWith(".cs", StringComparison.Ordinal)).ToHashSet();

        Assert.Contains("index.html", page);
        Assert.Subset(Repository.AssemblyOf("OrleansRocketMQ.Dashboard").GetManifestResourceNames().ToHashSet(), page);
    }

    [Fact]
    public void Every_package_is_in_the_table_of_needs() => Assert.Empty(Repository.Projects.Except(Needs.Keys));

    private static string Framework => $"net{Environment.Version.Major}.0";

    private string? Describes(string project)
    {
        using var package = packed.Open(project);
        return package["description"];
    }

    private static string WithVersion(string id)
        => id.StartsWith("OrleansRocketMQ", StringComparison.Ordinal) ? $"{id} {Repository.Version}"
            : CentralVersions().GetValueOrDefault(id) is { } version ? $"{id} {version}"
            : id;

    private static Dictionary<string, string> CentralVersions()
    {
        var file = XDocument.Load(Path.Combine(Repository.Folder, "Directory.Packages.props"));
        var variables = file.Descendants("PropertyGroup").Elements().ToDictionary(variable => $"$({variable.Name.LocalName})", variable => variable.Value);
        return file.Descendants("PackageVersion").ToDictionary(
            package => package.Attribute("Include")!.Value,
            package => variables.GetValueOrDefault(package.Attribute("Version")!.Value, package.Attribute("Version")!.Value));
    }

    [GeneratedRegex(@"\]\((?!https://)[^)]*\)")]
    private static partial Regex RelativeLink();
}

using System.Reflection;

namespace OrleansRocketMQ.SiloHost;

public sealed class ReadmeTests
{
    [Theory]
    [InlineData("QuickStart", 19)]
    [InlineData("QuickStart.Typed", 15)]
    public async Task The_quick_start_is_the_program_that_compiles_and_is_short(string sample, int mostLines)
    {
        var repository = typeof(ReadmeTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(metadata => metadata.Key == "repository").Value!;
        var program = await File.ReadAllTextAsync(Path.Combine(repository, "samples", sample, "Program.cs"));
        var readme = await File.ReadAllTextAsync(Path.Combine(repository, "README.md"));

        Assert.Contains($"```csharp\n{program}```", readme, StringComparison.Ordinal);
        Assert.InRange(program.Split('\n').Count(line => line.Length > 0), 1, mostLines);
    }
}

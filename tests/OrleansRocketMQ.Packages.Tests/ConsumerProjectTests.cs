namespace OrleansRocketMQ.Packages.Tests;

/// <summary>The packages as somebody uses them who has nothing else of this repository.</summary>
[Collection(PackedLibraries.Collection)]
public sealed class ConsumerProjectTests(PackedLibraries packed)
{
    [Fact]
    public async Task A_project_elsewhere_builds_with_the_packages_alone_and_its_listener_grain_consumes()
    {
        using var folder = new TestFolder();
        // The packages come from the feed; what they need from the folder the build of this repository has put it into. So
        // no other source is asked, and ours go to a folder of their own.
        await WriteAsync(folder, "nuget.config", $"""
            <configuration>
              <packageSources><clear /><add key="packed" value="{packed.Folder}" /></packageSources>
              <packageSourceMapping><clear /></packageSourceMapping>
              <fallbackPackageFolders><clear /><add key="known" value="{Repository.PackageFolder}" /></fallbackPackageFolders>
            </configuration>
            """);
        await WriteAsync(folder, "Shop.csproj", $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net{Environment.Version.Major}.0</TargetFramework>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <RestorePackagesPath>packages</RestorePackagesPath>
                <NuGetAudit>false</NuGetAudit>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="OrleansRocketMQ" Version="{Repository.Version}" />
                <PackageReference Include="OrleansRocketMQ.TestKit" Version="{Repository.Version}" />
              </ItemGroup>
            </Project>
            """);
        await WriteAsync(folder, "Program.cs", """
            using Orleans.Concurrency;
            using OrleansRocketMQ;
            using OrleansRocketMQ.TestKit;

            await using var kit = await RocketMQTestKit.StartAsync(rocketmq =>
                rocketmq.AddConsumer<OrderListener>("billing", consumer => consumer.Subscribe("orders", "created")));
            await kit.SendAsync("orders", "4711", tag: "created", key: "4711");
            await kit.UntilConsumedAsync("billing");

            [StatelessWorker]
            public sealed class OrderListener : Grain, IConcurrentListener
            {
                public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
                {
                    Console.WriteLine($"billed {messages[0].Keys}");
                    return ValueTask.FromResult(ConsumeResult.Success);
                }
            }
            """);

        await DotNet.RunAsync(folder.Path, "build", "--nologo", "--output", "out");
        var output = await DotNet.RunAsync(folder.Path, Path.Combine("out", "Shop.dll"));

        Assert.Contains("billed 4711", output, StringComparison.Ordinal);
    }

    private static Task WriteAsync(TestFolder folder, string name, string text) => File.WriteAllTextAsync(Path.Combine(folder.Path, name), text);
}

using System.Reflection;
using System.Xml.Linq;
using OrleansRocketMQ.SiloHost.Support;
using OrleansRocketMQ.SiloHost.Support.Stores;

namespace OrleansRocketMQ.SiloHost;

/// <summary>The tests over real servers, run where there are none.</summary>
public sealed class MissingServerTests
{
    [Fact]
    public async Task Without_the_servers_their_tests_are_skipped_and_each_says_why_in_a_line()
    {
        using var folder = new TestFolder();
        string[] command =
        [
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", "test", typeof(MissingServerTests).Assembly.Location,
            "--filter", $"FullyQualifiedName~{typeof(RedisTests).FullName}|FullyQualifiedName~{typeof(PostgresTests).FullName}",
            "--logger", "trx;LogFileName=results.trx", "--results-directory", folder.Path,
        ];

        await using var tests = RunningProgram.StartCommand(command, (Binaries.FoldersVariable, folder.Path));

        Assert.True(await tests.UntilEndedAsync() == 0, tests.Everything);
        var told = XDocument.Load(folder.In("results.trx"));
        XElement[] results = [.. told.Descendants().Where(element => element.Name.LocalName == "UnitTestResult")];
        Assert.All(results, result => Assert.Equal("NotExecuted", result.Attribute("outcome")?.Value));
        Assert.Equal(
            Enumerable.Repeat("This machine has no PostgreSQL (initdb and postgres).", Count<PostgresFactAttribute>(typeof(PostgresTests)))
                .Concat(Enumerable.Repeat("This machine has no redis-server.", Count<RedisFactAttribute>(typeof(RedisTests)))),
            results.Select(result => result.Value.Trim()).Order());
    }

    private static int Count<TAttribute>(Type tests)
        where TAttribute : Attribute => tests.GetMethods().Count(method => method.GetCustomAttribute<TAttribute>() is not null);
}

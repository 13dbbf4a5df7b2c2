using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost;

/// <summary>Listeners that were built by themselves and are dropped into a folder.</summary>
public sealed class ListenerAssemblyTests : IDisposable
{
    private const string NoDependencies = """{ "runtimeTarget": { "name": ".NETCoreApp,Version=v10.0" }, "targets": { ".NETCoreApp,Version=v10.0": {} }, "libraries": {} }""";

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_listener_in_the_folder_or_in_one_below_it_consumes_as_its_attribute_and_the_settings_say(bool below)
    {
        await using var records = await Records.StartAsync();
        await records.SendAsync(0, 50);
        var folder = _folder.AddListeners("mine");
        var (host, file) = records.Start($"--Listeners:Path={(below ? _folder.Path : folder)}", "--RocketMQ:Consumers:recorders:ConsumeBatchSize=8");
        await using var _ = host;

        await Eventually.TrueAsync(() => Records.Read(file).Length == 50, () => $"all are consumed. It printed:{Environment.NewLine}{host.Program.Everything}");

        Assert.Contains(host.Program.Output, line => line == $"Listens:  RecordingListener from {Path.Combine(folder, "TestListeners.dll")}");
        // Whoever brings listeners does not want messages of a demo.
        Assert.DoesNotContain(host.Program.Output, line => line.Contains("msg/s", StringComparison.Ordinal));
    }

    [Fact]
    public Task A_folder_that_is_missing_is_named() => FailsAsync(_folder.In("nowhere"), _folder.In("nowhere"), "there is no folder");

    [Fact]
    public Task A_folder_without_listeners_is_named() => FailsAsync(_folder.Path, _folder.Path, "X.deps.json");

    [Fact]
    public async Task A_file_that_is_no_assembly_is_named()
    {
        await File.WriteAllTextAsync(_folder.In("broken.dll"), "this is no assembly");
        await File.WriteAllTextAsync(_folder.In("broken.deps.json"), NoDependencies);

        await FailsAsync(_folder.Path, _folder.In("broken.dll"), "cannot be loaded");
    }

    [Fact]
    public async Task A_file_of_dependencies_that_cannot_be_read_is_named()
    {
        var folder = _folder.AddListeners("lame");
        await File.WriteAllTextAsync(Path.Combine(folder, "TestListeners.deps.json"), "{}");

        await FailsAsync(folder, Path.Combine(folder, "TestListeners.dll"), "cannot be loaded");
    }

    [Fact]
    public async Task An_assembly_whose_dependency_is_missing_is_named()
    {
        var folder = _folder.AddListeners("lame");
        await File.WriteAllTextAsync(Path.Combine(folder, "TestListeners.deps.json"), NoDependencies);
        File.Delete(Path.Combine(folder, "FSharp.Core.dll"));

        await FailsAsync(folder, Path.Combine(folder, "TestListeners.dll"), "FSharp.Core");
    }

    [Fact]
    public async Task An_assembly_without_a_listener_is_named()
    {
        File.Copy(typeof(Embedded.EmbeddedRocketMQ).Assembly.Location, _folder.In("empty.dll"));
        await File.WriteAllTextAsync(_folder.In("empty.deps.json"), NoDependencies);

        await FailsAsync(_folder.Path, _folder.In("empty.dll"), "has no listener");
    }

    [Fact]
    public async Task Two_listeners_of_the_same_name_are_named()
    {
        var first = _folder.AddListeners("first");
        var second = _folder.AddListeners("second");

        var error = await FailsAsync(_folder.Path, Path.Combine(first, "TestListeners.dll"), "RecordingListener");

        Assert.Contains(Path.Combine(second, "TestListeners.dll"), error, StringComparison.Ordinal);
    }

    private static async Task<string> FailsAsync(string path, string named, string reason)
    {
        var (exitCode, program) = await SiloHostProgram.RunAsync($"--Listeners:Path={path}");

        Assert.Equal(2, exitCode);
        var error = Assert.Single(program.Errors);
        Assert.Contains("Listeners:Path", error, StringComparison.Ordinal);
        Assert.Contains(named, error, StringComparison.Ordinal);
        Assert.Contains(reason, error, StringComparison.Ordinal);
        return error;
    }
}

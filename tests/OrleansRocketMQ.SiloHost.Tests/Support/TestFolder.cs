namespace OrleansRocketMQ.SiloHost.Support;

/// <summary>A folder of the test's own, deleted after it.</summary>
internal sealed class TestFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("silo-host-").FullName;

    public string In(params string[] names) => System.IO.Path.Combine([Path, .. names]);

    /// <summary>A copy of the test's listeners, as somebody would drop it here.</summary>
    public string AddListeners(string name)
    {
        var folder = Directory.CreateDirectory(In(name)).FullName;
        foreach (var file in Directory.EnumerateFiles(RunningProgram.PathOf("listeners")))
        {
            File.Copy(file, System.IO.Path.Combine(folder, System.IO.Path.GetFileName(file)));
        }

        return folder;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

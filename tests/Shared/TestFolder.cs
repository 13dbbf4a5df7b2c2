namespace OrleansRocketMQ.Testing;

/// <summary>A folder that is gone when the test is over.</summary>
internal sealed class TestFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("orleans-rocketmq-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

namespace OrleansRocketMQ.Tests.Support;

internal sealed class TempFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("embedded-rocketmq-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

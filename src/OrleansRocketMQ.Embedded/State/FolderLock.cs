namespace OrleansRocketMQ.Embedded.State;

/// <summary>A broker's hold on its folder: two that write to one log would overwrite each other's messages.</summary>
internal sealed class FolderLock : IDisposable
{
    private readonly FileStream _file;

    private FolderLock(FileStream file) => _file = file;

    /// <exception cref="RocketMQConfigurationException">Another broker, of this process or another, uses the folder.</exception>
    public static FolderLock Take(string folder)
    {
        try
        {
            return new(new FileStream(Path.Combine(folder, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException exception)
        {
            throw new RocketMQConfigurationException(
                nameof(EmbeddedRocketMQOptions.DataFolder), folder, $"a folder that no other broker uses: {exception.Message}");
        }
    }

    public void Dispose() => _file.Dispose();
}

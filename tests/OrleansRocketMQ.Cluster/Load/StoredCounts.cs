using System.Text.Json;

namespace OrleansRocketMQ.Cluster.Load;

/// <summary>What a key's grain has stored: how many messages had their effect, and how many of these not as the next one.</summary>
internal readonly record struct StoredCounts(int Applied, int Wrong)
{
    /// <summary>Those of all keys whose grains have stored something in a folder.</summary>
    public static Dictionary<string, StoredCounts> Of(string folder) => Directory
        .EnumerateFiles(folder, "*.counts.json", SearchOption.AllDirectories)
        .ToDictionary(file => Path.GetFileName(file).Split('.')[0], Read);

    private static StoredCounts Read(string file)
    {
        using var record = JsonDocument.Parse(File.ReadAllBytes(file));
        var value = record.RootElement.GetProperty("state").GetProperty("value");
        return new(value.GetProperty("applied").GetInt32(), value.GetProperty("wrong").GetInt32());
    }
}

using System.Text.Json;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost.Settings;

/// <summary>silo-host, with code that writes down what the settings of the silo are once it is built, and ends then.</summary>
internal static class SettingsProgram
{
    public static string Path { get; } = RunningProgram.PathOf("settings");

    /// <summary>Builds a silo.</summary>
    /// <param name="folder">Where it may write.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="environment">Added to what it inherits.</param>
    /// <param name="program">A copy of the program; null: itself.</param>
    /// <returns>What the silo's settings are, by their keys.</returns>
    public static async Task<Dictionary<string, string>> RunAsync(
        TestFolder folder, string[] arguments, (string Name, string Value)[] environment, string? program = null)
    {
        var file = folder.In("settings.json");
        string[] command = [Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", program ?? Path, .. arguments];
        await using var running = RunningProgram.StartCommand(command, [.. environment, ("TEST_SETTINGS_FILE", file)]);
        Assert.True(await running.UntilEndedAsync() == 0, running.Everything);
        return JsonSerializer.Deserialize<Dictionary<string, string>>(await File.ReadAllTextAsync(file))!;
    }
}

using System.Globalization;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost.Settings;

/// <summary>How fast a crash is noticed, as docs/operations.md says it and as a silo of silo-host has it.</summary>
public sealed class FailureDetectionSettingsTests : IDisposable
{
    private readonly TestFolder _folder = new();

    [Fact]
    public async Task Without_settings_a_silo_has_what_the_documents_say_is_set()
    {
        var documented = Documented();
        Assert.Equal(8, documented.Count);

        var told = await BuildAsync();

        Assert.Equal(documented, documented.Keys.ToDictionary(key => key, key => told.GetValueOrDefault(key, "nothing")));
    }

    [Fact]
    public async Task A_setting_overrides_its_own_value_and_no_other()
    {
        var expected = Documented();
        expected["Orleans:Membership:NumMissedProbesLimit"] = "6";
        expected["Orleans:Directory:RangeLeaseDuration"] = "00:00:09";

        var told = await BuildAsync("--Orleans:Membership:NumMissedProbesLimit=6", "--Orleans:Directory:RangeLeaseDuration=00:00:09");

        Assert.Equal(expected, expected.Keys.ToDictionary(key => key, key => told.GetValueOrDefault(key, "nothing")));
    }

    [Fact]
    public async Task Under_the_name_of_Orleans_own_section_for_directories_it_is_refused()
    {
        var (exitCode, program) = await SiloHostProgram.RunAsync("--Orleans:GrainDirectory:RangeLeaseDuration=00:00:09");

        Assert.Equal(2, exitCode);
        Assert.Contains("Orleans:GrainDirectory:RangeLeaseDuration", Assert.Single(program.Errors), StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private Task<Dictionary<string, string>> BuildAsync(params string[] arguments)
    {
        var needed = SettingsValues.Needed(SettingsHost.OnThisMachine).Select(setting => $"--{setting.Key}={setting.Text}");
        return SettingsProgram.RunAsync(_folder, [.. arguments, .. needed], []);
    }

    /// <summary>The column "set here" of the two tables, by the keys of the settings.</summary>
    private static Dictionary<string, string> Documented()
    {
        var values = new Dictionary<string, string>();
        var section = string.Empty;
        foreach (var line in File.ReadLines(Path.Combine(RunningProgram.PathOf("repository"), "docs", "operations.md")))
        {
            var cells = line.Split('|', StringSplitOptions.TrimEntries);
            if (cells is [_, var heading, _, "set here", ..])
            {
                section = heading.Split('`')[1];
            }
            else if (line.Length == 0)
            {
                section = string.Empty;
            }
            else if (section.Length > 0 && cells[1].StartsWith('`'))
            {
                values[$"{section}:{cells[1].Trim('`')}"] = Written(cells[3]);
            }
        }

        return values;
    }

    // "0.75 s", "on", "3"; the lease's "0" is a time, too.
    private static string Written(string cell) => cell switch
    {
        "on" => "true",
        "0" => "00:00:00",
        _ when cell.EndsWith(" s", StringComparison.Ordinal) => $"{Seconds(cell[..^2]):c}",
        _ => cell,
    };

    private static TimeSpan Seconds(string number) => TimeSpan.FromSeconds(double.Parse(number, CultureInfo.InvariantCulture));
}

using System.Globalization;
using System.Text.RegularExpressions;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost.Settings;

/// <summary>A setting with a value that is not its default.</summary>
/// <param name="Row">Its name in docs/configuration.md.</param>
/// <param name="Key">Its key in configuration.</param>
/// <param name="Text">What it is set to.</param>
/// <param name="ReadAs">The name under which a built silo tells it.</param>
/// <param name="Expected">What the silo must tell.</param>
/// <param name="Host">Which host has it: some settings exclude each other.</param>
internal sealed record DocumentedSetting(string Row, string Key, string Text, string ReadAs, string Expected, SettingsHost Host);

/// <summary>The hosts over which settings that exclude each other are spread.</summary>
public enum SettingsHost
{
    /// <summary>One in a cluster kept by a store, with a name server of its own.</summary>
    InAStore,

    /// <summary>One on this machine, with an embedded broker.</summary>
    OnThisMachine,
}

/// <summary>
/// The settings in the tables of docs/configuration.md. A row that says <c>true</c>, a number, a time or names to choose
/// from gets a value by itself; any other needs one in <see cref="SettingsValues"/>.
/// </summary>
internal static partial class DocumentedSettings
{
    private const string CodeOnly = "code only";

    private const string EnvironmentHeading = "Environment variables";

    private static readonly string[] s_lines =
        File.ReadAllLines(Path.Combine(RunningProgram.PathOf("repository"), "docs", "configuration.md"));

    /// <summary>The rows of the three tables: heading, name, and the row's cells.</summary>
    public static IReadOnlyList<(string Heading, string Name, string[] Cells)> Rows { get; } =
    [
        .. new[] { "RocketMQOptions", "ConsumerOptions", "silo-host" }.SelectMany(heading => Section(heading)
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .Select(line => line.Trim('|', ' ').Split(" | ", StringSplitOptions.TrimEntries))
            .SelectMany(cells => cells[0].Split(", ").Select(name => (heading, name.Trim('`'), cells)))),
    ];

    /// <summary>Those that only code can set, and the group's name, which is that of its section.</summary>
    public static bool CanBeConfigured((string Heading, string Name, string[] Cells) row)
        => !row.Cells[^1].Contains(CodeOnly, StringComparison.Ordinal) && row is not { Heading: "ConsumerOptions", Name: "Group" };

    /// <summary>Every variable that the section about the environment names.</summary>
    public static IReadOnlyCollection<string> Variables { get; } =
        [.. Section(EnvironmentHeading).SelectMany(line => Variable().Matches(line)).Select(match => match.Value).Distinct()];

    /// <summary>The option that a variable sets for all consumers.</summary>
    public static string OptionOf(string variable)
        => Section(EnvironmentHeading)
            .First(line => line.StartsWith($"| `{variable}` |", StringComparison.Ordinal))
            .Split('|')[2].Trim(' ', '`');

    /// <summary>A value for each row that can have one.</summary>
    public static IReadOnlyList<DocumentedSetting> WithValues(SettingsValues values) =>
    [
        .. Rows.Where(CanBeConfigured).SelectMany(row =>
        {
            var key = KeyOf(row.Heading, row.Name);
            return values.Of(key) is { Count: > 0 } known
                ? known.Select(value => new DocumentedSetting(row.Name, value.Key, value.Text, value.ReadAs, value.Expected, value.Host))
                : Other(row.Cells) is { } text ? [new DocumentedSetting(row.Name, key, text, key, text, SettingsValues.HostOf(key))] : [];
        }),
    ];

    private static string KeyOf(string heading, string name) => heading switch
    {
        "RocketMQOptions" => $"RocketMQ:{name}",
        "ConsumerOptions" => $"{SettingsValues.Consumer}:{name}",
        _ => name,
    };

    /// <summary>Another value than the default, where the row alone tells one.</summary>
    private static string? Other(string[] cells)
    {
        if (cells.Length < 4)
        {
            return null;
        }

        var text = cells[1].Trim('`');
        return bool.TryParse(text, out var flag) ? flag ? "false" : "true"
            : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? $"{number + 1}"
            : TimeSpan.TryParseExact(text, "c", CultureInfo.InvariantCulture, out var time) ? $"{time + TimeSpan.FromSeconds(1):c}"
            : cells[2].StartsWith($"`{text}`, `", StringComparison.Ordinal) ? cells[2].Split('`')[3]
            : null;
    }

    private static IEnumerable<string> Section(string heading) => s_lines
        .SkipWhile(line => line != $"## {heading}")
        .Skip(1)
        .TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal));

    [GeneratedRegex("(ROCKETMQ_[A-Z_]+|NAMESRV_ADDR)(?=`)")]
    private static partial Regex Variable();
}

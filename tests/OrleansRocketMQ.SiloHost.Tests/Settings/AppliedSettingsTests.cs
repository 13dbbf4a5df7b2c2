using System.Text.Json.Nodes;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost.Settings;

/// <summary>
/// What docs/configuration.md says can be set is set: in a process of its own, by what a silo that was built there tells.
/// </summary>
public sealed class AppliedSettingsTests : IDisposable
{
    /// <summary>Variables for all consumers, with a value that is not the default and what the option must be then.</summary>
    private static readonly Dictionary<string, (string Text, string Expected)> s_variables = new()
    {
        ["ROCKETMQ_CONSUME_THREAD_MIN"] = ("7", "7"),
        ["ROCKETMQ_CONSUME_THREAD_MAX"] = ("77", "77"),
        ["ROCKETMQ_CONSUME_BATCH_SIZE"] = ("16", "16"),
        ["ROCKETMQ_PULL_BATCH_SIZE"] = ("48", "48"),
        ["ROCKETMQ_CONSUME_TIMEOUT"] = ("20", "00:20:00"),
        ["ROCKETMQ_MESSAGE_MODEL"] = ("BROADCASTING", "Broadcasting"),
        ["ROCKETMQ_ALLOCATE_STRATEGY"] = ("HASH", "HASH"),
        ["ROCKETMQ_CONSUME_FROM_WHERE"] = ("FIRST_OFFSET", "FirstOffset"),
        ["ROCKETMQ_PERSIST_INTERVAL"] = ("2500", "00:00:02.5000000"),
        ["ROCKETMQ_MAX_CACHE_COUNT_PER_QUEUE"] = ("500", "500"),
        ["ROCKETMQ_MAX_CACHE_SIZE_PER_QUEUE"] = ("64", "67108864"),
        ["ROCKETMQ_ENABLE_AUTO_RECOVERY"] = ("false", "false"),
        ["ROCKETMQ_MAX_RETRY_TIMES"] = ("5", "5"),
        ["ROCKETMQ_SUSPEND_CURRENT_QUEUE_TIME_MILLIS"] = ("1500", "00:00:01.5000000"),
        ["ROCKETMQ_LOCK_EXPIRE_TIME"] = ("40", "00:00:40"),
    };

    private readonly TestFolder _folder = new();

    public enum Source
    {
        Environment,
        File,
        Argument,
    }

    public static TheoryData<Source, SettingsHost> Ways => new()
    {
        { Source.Environment, SettingsHost.InAStore },
        { Source.Environment, SettingsHost.OnThisMachine },
        { Source.File, SettingsHost.InAStore },
        { Source.File, SettingsHost.OnThisMachine },
        { Source.Argument, SettingsHost.InAStore },
        { Source.Argument, SettingsHost.OnThisMachine },
    };

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Every_documented_setting_is_applied(Source source, SettingsHost host)
    {
        var all = DocumentedSettings.WithValues(new SettingsValues(_folder));
        DocumentedSetting[] settings = [.. all.Where(setting => setting.Host == host)];
        Assert.True(settings.Length > 8, $"only {settings.Length} settings");

        var told = await BuildAsync(source, SettingsValues.Needed(host), settings);

        Assert.Empty(settings
            .Where(setting => told.GetValueOrDefault(setting.ReadAs) != setting.Expected)
            .Select(setting => $"{setting.Row}: {setting.Key}={setting.Text}; the silo has '{told.GetValueOrDefault(setting.ReadAs)}'"));
    }

    [Fact]
    public void No_documented_setting_is_left_out()
    {
        var tested = DocumentedSettings.WithValues(new SettingsValues(_folder)).Select(setting => setting.Row).ToHashSet();
        var codeOnly = DocumentedSettings.Rows.Where(row => !DocumentedSettings.CanBeConfigured(row)).Select(row => row.Name);

        Assert.Empty(DocumentedSettings.Rows.Where(DocumentedSettings.CanBeConfigured).Select(row => row.Name).Except(tested));
        Assert.Equal(["Group", "KeySelector", "Listener"], codeOnly.Order());
        Assert.Equal(
            s_variables.Keys
                .Concat(["ROCKETMQ_OFFSET_STORE_PATH"])
                .Concat(["NAMESRV_ADDR", "ROCKETMQ_CONSUMER_GROUP", "ROCKETMQ_NAMESRV_ADDR", "ROCKETMQ_SUBSCRIPTIONS"])
                .Order(),
            DocumentedSettings.Variables.Order());
    }

    [Fact]
    public async Task Every_documented_variable_overrides_what_else_is_set()
    {
        var folder = _folder.In("offsets-of-the-environment");
        string[] arguments =
        [
            "--Orleans:Name=settings-silo",
            $"--Demo:Group={SettingsValues.Group}",
            $"--RocketMQ:OffsetStorePath={_folder.In("another")}",
            $"--{SettingsValues.Consumer}:PullBatchSize=5",
            .. SettingsValues.Needed(SettingsHost.OnThisMachine).Select(setting => $"--{setting.Key}={setting.Text}"),
        ];

        var told = await SettingsProgram.RunAsync(
            _folder,
            arguments,
            [.. s_variables.Select(variable => (variable.Key, variable.Value.Text)), ("ROCKETMQ_OFFSET_STORE_PATH", folder)]);

        Assert.Equal(folder, told["RocketMQ:OffsetStorePath"]);
        Assert.Empty(s_variables
            .Select(variable => (Name: variable.Key, variable.Value.Expected, Told: OptionIn(told, variable.Key)))
            .Where(one => one.Told != one.Expected)
            .Select(one => $"{one.Name} should have made it '{one.Expected}', and the silo has '{one.Told}'"));

        static string? OptionIn(Dictionary<string, string> told, string variable)
            => told.GetValueOrDefault($"{SettingsValues.Consumer}:{DocumentedSettings.OptionOf(variable)}");
    }

    [Theory]
    [InlineData("ROCKETMQ_NAMESRV_ADDR")]
    [InlineData("NAMESRV_ADDR")]
    public async Task A_consumer_that_the_environment_describes_is_part_of_the_silo(string nameServer)
    {
        var told = await SettingsProgram.RunAsync(
            _folder,
            [],
            [
                ("ROCKETMQ_CONSUMER_GROUP", "from_outside"),
                ("ROCKETMQ_SUBSCRIPTIONS", "orders;parcels:new||changed"),
                (nameServer, "127.0.0.1:7"),
            ]);

        Assert.Equal("127.0.0.1:7", told["RocketMQ:NameServer"]);
        Assert.Equal("TAG: *", told["RocketMQ:Consumers:from_outside:Subscriptions:orders"]);
        Assert.Equal("TAG: new || changed", told["RocketMQ:Consumers:from_outside:Subscriptions:parcels"]);
    }

    public void Dispose() => _folder.Dispose();

    private Task<Dictionary<string, string>> BuildAsync(
        Source source, IReadOnlyList<(string Key, string Text)> needed, DocumentedSetting[] settings)
    {
        string[] arguments = [.. needed.Select(setting => $"--{setting.Key}={setting.Text}")];
        return source switch
        {
            Source.Argument => SettingsProgram.RunAsync(
                _folder, [.. arguments, .. settings.Select(setting => $"--{setting.Key}={setting.Text}")], []),
            Source.Environment => SettingsProgram.RunAsync(
                _folder, arguments, [.. settings.Select(setting => (InEnvironment(setting.Key), setting.Text))]),
            _ => SettingsProgram.RunAsync(_folder, arguments, [], WithFile(SettingsProgram.Path, settings)),
        };
    }

    private static string InEnvironment(string key) => key.Replace(":", "__", StringComparison.Ordinal);

    /// <summary>The program in a folder of its own, with its settings beside it.</summary>
    private string WithFile(string program, DocumentedSetting[] settings)
    {
        var folder = Directory.CreateDirectory(_folder.In("program")).FullName;
        foreach (var file in Directory.EnumerateFiles(Path.GetDirectoryName(program)!))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        var root = new JsonObject();
        foreach (var setting in settings)
        {
            var names = setting.Key.Split(':');
            var section = names[..^1].Aggregate(root, (parent, name) => (JsonObject)(parent[name] ??= new JsonObject()));
            section[names[^1]] = setting.Text;
        }

        File.WriteAllText(Path.Combine(folder, "appsettings.json"), root.ToJsonString());
        return Path.Combine(folder, Path.GetFileName(program));
    }
}

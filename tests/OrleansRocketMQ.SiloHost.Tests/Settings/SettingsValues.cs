using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost.Settings;

/// <summary>A value, and how a built silo tells it.</summary>
internal sealed record SettingsValue(string Row, string Key, string Text, string ReadAs, string Expected, SettingsHost Host);

/// <summary>Values of the settings for which the documents alone tell none, and of those that exclude others.</summary>
internal sealed class SettingsValues
{
    public const string Group = "Settings_Group";
    public const string Topic = "Settings_Topic";
    public const string Consumer = $"RocketMQ:Consumers:{Group}";

    private readonly List<SettingsValue> _values = [];

    public SettingsValues(TestFolder folder)
    {
        AddRocketMQ(folder);
        AddConsumer();
        AddHost(folder);
        AddOrleans();
    }

    public IReadOnlyList<SettingsValue> Of(string row) => [.. _values.Where(value => value.Row == row)];

    /// <summary>Which host has a setting whose value comes from its row.</summary>
    public static SettingsHost HostOf(string key)
        => key is $"{Consumer}:AutoCommit" or $"{Consumer}:DispatchByPriority" ? SettingsHost.OnThisMachine : SettingsHost.InAStore;

    /// <summary>What a host needs beside the settings it is to show, so that it can be built.</summary>
    public static IReadOnlyList<(string Key, string Text)> Needed(SettingsHost host) => host switch
    {
        SettingsHost.InAStore => [("Orleans:Clustering:ConnectionString", "127.0.0.1:1")],
        _ => [("Urls", "http://127.0.0.1:0"), ("Demo:Group", Group), ("Demo:Topic", Topic), .. Ports()],
    };

    private static IEnumerable<(string, string)> Ports()
        => FreePorts.Take(2).Zip(["SiloPort", "GatewayPort"], (port, name) => ($"Orleans:Endpoints:{name}", $"{port}"));

    private void AddRocketMQ(TestFolder folder)
    {
        Add("RocketMQ:NameServer", "127.0.0.1:1;127.0.0.1:2");
        AddAs("RocketMQ:MachineRooms", "RocketMQ:MachineRooms:east", "east-;10.1.", "RocketMQ:MachineRooms", "east = east-;10.1.");
        Add("RocketMQ:OffsetStorePath", folder.In("offsets"));
        Add("RocketMQ:MaxCachedBytes", "2097152");
        Add("RocketMQ:AccessKey", "an-account");
        Add("RocketMQ:SecretKey", "its-secret");
        Add("RocketMQ:SecurityToken", "its-token");
        File.WriteAllText(folder.In("keys.yml"), "accessKey: an-account\nsecretKey: its-secret\n");
        Add("RocketMQ:CredentialsFile", folder.In("keys.yml"), SettingsHost.OnThisMachine);
        Add("RocketMQ:Namespace", "tenant-1");
        Add("RocketMQ:NamespaceV2", "tenant-2", SettingsHost.OnThisMachine);
        Add("RocketMQ:UnitName", "east");
        var files = new SettingsCertificates(folder);
        Add("RocketMQ:TlsAuthorityFile", files.Authority);
        Add("RocketMQ:TlsClientCertificateFile", files.Certificate);
        Add("RocketMQ:TlsClientKeyFile", files.Key);
        Add("RocketMQ:TlsClientKeyPassword", SettingsCertificates.Password);
        Add("RocketMQ:TlsTargetHost", "broker.example");
    }

    private void AddConsumer()
    {
        Add($"{Consumer}:NameServer", "127.0.0.1:3");
        AddTopic("orders", "created || paid", "TAG: created || paid");
        AddTopic("parcels:Sql", "weight > 10", "SQL92: weight > 10");
        AddTopic("letters:Tags", "red", "TAG: red");
        Add($"{Consumer}:MachineRooms", "east;west");
        const string Queues = $"{Consumer}:QueuesByMember";
        AddAs(Queues, $"{Queues}:member-1", $"{Topic}/broker-a/2-3", Queues, $"member-1 = {Topic}/broker-a/2;{Topic}/broker-a/3");

        // One with which SkipHistory may go.
        Add($"{Consumer}:ConsumeFromWhere", "MaxOffset");
        Add($"{Consumer}:ConsumeTimestamp", "2026-01-02T03:04:05.0000000+00:00");
        Add($"{Consumer}:MessageTraceTopic", "Settings_Trace");
        Add($"{Consumer}:BatchMaxBytes", "65536");
        Add($"{Consumer}:BreakerFailureShare", "0.25");
        const string Rules = $"{Consumer}:ErrorRules";
        AddAs(Rules, $"{Rules}:0:Exception", "TimeoutException", Rules, "TimeoutException: DeadLetter");
        AddAs(Rules, $"{Rules}:0:Then", "DeadLetter", Rules, "TimeoutException: DeadLetter");
    }

    private void AddTopic(string key, string text, string expected)
        => AddAs($"{Consumer}:Subscriptions", $"{Consumer}:Topics:{key}", text, $"{Consumer}:Subscriptions:{key.Split(':')[0]}", expected);

    private void AddHost(TestFolder folder)
    {
        var listeners = Path.GetFullPath(RunningProgram.PathOf("listeners"));
        AddAs("Listeners:Path", "Listeners:Path", listeners, $"listeners of {Records.Group}", listeners);
        Add("Urls", $"http://127.0.0.1:{FreePorts.Take(1)[0]}");
        Add("ShutdownTimeoutSeconds", "31");
        Add("Logging:Console:FormatterName", "json");

        Add("Dashboard:ViewSecret", "a secret to see with");
        Add("Dashboard:ActSecret", "a secret to act with");
        Add("Dashboard:ShowBodies", "false");
        Add("Dashboard:MaxBodyBytes", "20000");
        Add("Dashboard:RefreshInterval", "00:00:02");
        Add("Dashboard:RequireHttps", "false");

        // Not the default where there are listeners.
        Add("Demo:Enabled", "true");
        Add("Demo:Topic", Topic);
        Add("Demo:Group", Group);
        Add("Demo:Queues", "9");
        Add("Demo:Rate", "1001");
        Add("Demo:BodyLength", "257");
        Add("Demo:Messages", "1234");
        Add("Demo:Patience", "00:01:01");
        var ports = FreePorts.Take(2);
        Add("Embedded:NameServerPort", $"{ports[0]}", SettingsHost.OnThisMachine);
        Add("Embedded:BrokerPort", $"{ports[1]}", SettingsHost.OnThisMachine);
        Add("Embedded:DataFolder", folder.In("broker"), SettingsHost.OnThisMachine);
        Add("Embedded:MaxStoreBytes", "67108864", SettingsHost.OnThisMachine);
        Add("Embedded:Brokers", "2", SettingsHost.OnThisMachine);
        Add("Embedded:Slaves", "1", SettingsHost.OnThisMachine);
    }

    private void AddOrleans()
    {
        Add("Orleans:ClusterId", "settings-cluster");
        Add("Orleans:ServiceId", "settings-service");
        Add("Orleans:Name", "settings-silo");
        var ports = FreePorts.Take(2);
        Add("Orleans:Endpoints:SiloPort", $"{ports[0]}");
        Add("Orleans:Endpoints:GatewayPort", $"{ports[1]}");
        Add("Orleans:Endpoints:AdvertisedIPAddress", "127.0.0.2");
        Add("Orleans:Endpoints:SiloListeningEndpoint", $"127.0.0.3:{ports[0]}");
        Add("Orleans:Endpoints:GatewayListeningEndpoint", $"127.0.0.3:{ports[1]}");
        AddAs("Orleans:Clustering:ProviderType", "Orleans:Clustering:ProviderType", "Redis", "membership table", "RedisMembershipTable");
        const string Storage = "Orleans:GrainStorage:{name}:ProviderType";
        AddAs(Storage, "Orleans:GrainStorage:Other:ProviderType", "Memory", "storage Other", "MemoryGrainStorage");
        Add("Orleans:PrimarySilo", "127.0.0.1:11119", SettingsHost.OnThisMachine);
        foreach (var (name, text) in FailureDetection)
        {
            var key = $"Orleans:{name}";
            AddAs(key[..key.LastIndexOf(':')], key, text, key, text);
        }
    }

    /// <summary>Other values than those of <c>UseFastFailureDetection()</c> for all that it sets.</summary>
    private static IReadOnlyList<(string Name, string Text)> FailureDetection { get; } =
    [
        ("Membership:ProbeTimeout", "00:00:04"),
        ("Membership:MinProbeTimeout", "00:00:03"),
        ("Membership:MaxProbeTimeout", "00:00:07"),
        ("Membership:NumMissedProbesLimit", "5"),
        ("Membership:NumVotesForDeathDeclaration", "1"),
        ("Membership:EnableConnectionLivenessCheck", "false"),
        ("Membership:TableRefreshTimeout", "00:00:41"),
        ("Directory:RangeLeaseDuration", "00:00:42"),
    ];

    private void Add(string key, string text, SettingsHost host = SettingsHost.InAStore)
        => _values.Add(new(key, key, text, key, text, host));

    private void AddAs(string row, string key, string text, string readAs, string expected)
        => _values.Add(new(row, key, text, readAs, expected, SettingsHost.InAStore));
}

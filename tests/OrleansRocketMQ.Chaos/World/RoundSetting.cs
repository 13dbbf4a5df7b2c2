using System.Globalization;
using OrleansRocketMQ.Chaos.World.Brokers;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>What rounds run over, beside what their seeds say.</summary>
internal sealed record RoundSetting
{
    public const string Usage = "[--nameserver=HOST:PORT [--links] [--broker-control=FOLDER]] [--java=PROGRAM]";

    /// <summary>Embedded brokers, and no other member than silos.</summary>
    public static RoundSetting Embedded { get; } = new();

    /// <summary>A RocketMQ that somebody else runs; null: embedded brokers.</summary>
    public HostAndPort? NameServer { get; init; }

    /// <summary>Whether its brokers have registered at the address of <see cref="Links"/>, and listen where the name server does.</summary>
    public bool HasLinks { get; init; }

    /// <summary>What can be done to its brokers; see <see cref="BrokerControl"/>.</summary>
    public string? Control { get; init; }

    /// <summary>Java's member; see <see cref="JavaMember"/>.</summary>
    public string? Java { get; init; }

    public static RoundSetting Of(IReadOnlyList<string> args)
    {
        string? Value(string name) => args.FirstOrDefault(argument => argument.StartsWith(name, StringComparison.Ordinal))?[name.Length..];
        return new()
        {
            NameServer = Value("--nameserver=") is { } text ? HostAndPort.Parse(text) : null,
            HasLinks = args.Contains("--links"),
            Control = Value("--broker-control="),
            Java = Value("--java="),
        };
    }

    public IRoundBrokers BrokersOf(int seed, string folder) => NameServer is null
        ? new EmbeddedBrokers(Path.Join(folder, "store"))
        : new RealBrokers(NameServer, new(Control), HasLinks, string.Create(CultureInfo.InvariantCulture, $"chaos-{seed}-{DateTime.UtcNow:HHmmss}"));

    public override string ToString() => string.Concat(NameServer is null ? "embedded brokers" : "RocketMQ", Java is null ? string.Empty : ", a Java member");
}

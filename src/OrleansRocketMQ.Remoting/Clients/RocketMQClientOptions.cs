using OrleansRocketMQ.Connections;

namespace OrleansRocketMQ.Clients;

/// <summary>
/// Settings of a <see cref="RocketMQClient"/>. Immutable. Mirrors <c>org.apache.rocketmq.client.ClientConfig</c>, whose
/// defaults it takes.
/// </summary>
public sealed record RocketMQClientOptions
{
    /// <summary>The name servers, <c>host:port</c> each; at least one. See <see cref="ParseAddresses"/>.</summary>
    public required IReadOnlyList<string> NameServerAddresses { get; init; }

    /// <summary>
    /// Who this client is to brokers and to the other members of its groups, in Java's form <c>ip@instance</c>. Must
    /// differ from every other client's, or brokers take the two for one.
    /// </summary>
    public required string ClientId { get; init; }

    /// <summary>Limits and time-outs of the connections.</summary>
    public RemotingOptions Remoting { get; init; } = new();

    /// <summary>How often routes are asked for again. Default 30 s (<c>pollNameServerInterval</c>).</summary>
    public TimeSpan PollNameServerInterval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How often every broker gets a heartbeat; brokers forget a client after 120 s. Default 30 s
    /// (<c>heartbeatBrokerInterval</c>).
    /// </summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Whether heartbeats leave the subscriptions out where the broker knows them and nothing changed. Default false
    /// (<c>useHeartbeatV2</c>). Brokers before 5.1 get whole ones anyway.
    /// </summary>
    public bool UseHeartbeatV2 { get; init; }

    /// <summary>
    /// How long a pull waits for its answer; must be longer than brokers may hold it. Default 30 s
    /// (<c>consumerPullTimeoutMillis</c>).
    /// </summary>
    public TimeSpan PullTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Whether requests that must not wait behind pulls go to brokers' second port, two below the first: sends, messages
    /// sent back, locks, offsets. Default false (<c>vipChannelEnabled</c>).
    /// </summary>
    public bool VipChannel { get; init; }

    /// <summary>How received messages are decoded. Default: zlib bodies are decompressed, checksums are not checked.</summary>
    public MessageDecoderOptions DecoderOptions { get; init; } = MessageDecoderOptions.Default;

    /// <summary>
    /// Reads a list such as <c>a:9876;b:9876</c>; entries are separated by <c>;</c> or <c>,</c>. As in Java <c>http://</c>
    /// before an entry is left out.
    /// </summary>
    /// <exception cref="RocketMQConfigurationException">There is no address in it, or one is not <c>host:port</c>.</exception>
    public static IReadOnlyList<string> ParseAddresses(string? text)
    {
        const StringSplitOptions Trimmed = StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries;
        string[] addresses = [.. (text ?? string.Empty).Split([';', ','], Trimmed).Select(WithoutScheme)];
        if (addresses.Length == 0)
        {
            throw BadNameServer(text);
        }

        foreach (var address in addresses)
        {
            CheckAddress(address);
        }

        return [.. addresses.Distinct(StringComparer.Ordinal)];
    }

    /// <summary>The namespace of its topics and groups; empty when they are in none.</summary>
    internal string Namespace => string.IsNullOrEmpty(Remoting.Namespace) ? Remoting.NamespaceV2 ?? string.Empty : Remoting.Namespace;

    /// <summary>Checks the settings.</summary>
    /// <exception cref="RocketMQConfigurationException">One is missing or out of range; the error names it.</exception>
    public void Validate()
    {
        if (NameServerAddresses is not { Count: > 0 })
        {
            throw BadNameServer(null);
        }

        foreach (var address in NameServerAddresses)
        {
            CheckAddress(address);
        }

        if (string.IsNullOrWhiteSpace(ClientId))
        {
            throw new RocketMQConfigurationException(nameof(ClientId), ClientId, "a name no other client has, such as ip@instance");
        }

        SettingRange.CheckTime(nameof(PollNameServerInterval), PollNameServerInterval);
        SettingRange.CheckTime(nameof(HeartbeatInterval), HeartbeatInterval);
        SettingRange.CheckTime(nameof(PullTimeout), PullTimeout);
        SettingRange.Check(
            nameof(MessageDecoderOptions.MaxDecompressedLength),
            DecoderOptions.MaxDecompressedLength,
            1,
            MessageDecoderOptions.LargestBody,
            "bytes");
        Remoting.Validate();
    }

    private static string WithoutScheme(string address)
        => address.StartsWith("http://", StringComparison.OrdinalIgnoreCase) ? address["http://".Length..].TrimEnd('/') : address;

    private static void CheckAddress(string address)
    {
        if (!HostAndPort.TryParse(address, out _))
        {
            throw BadNameServer(address);
        }
    }

    private static RocketMQConfigurationException BadNameServer(string? value)
        => new("NameServer", value, "one or more addresses host:port separated by ';'");
}

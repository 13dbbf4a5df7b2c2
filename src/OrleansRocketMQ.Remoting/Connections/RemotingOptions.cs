using System.Buffers;
using System.Net;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Security;

namespace OrleansRocketMQ.Connections;

/// <summary>
/// How connections to name servers and brokers behave. Defaults are those of RocketMQ's Java client where it has the
/// setting.
/// </summary>
public sealed record RemotingOptions
{
    /// <summary>How long a connection may take to open. Default 3 s (<c>connectTimeoutMillis</c>).</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How long a request waits for its answer unless it says otherwise. Default 3 s (<c>mqClientApiTimeout</c>).</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>A connection on which nothing moves for this long, with no request waiting, is closed. Default 120 s.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>
    /// The longest frame accepted, in bytes. A longer answer fails the request it is for; a longer request closes its
    /// connection. Default 16 MiB (<c>com.rocketmq.remoting.frameMaxLength</c>).
    /// </summary>
    public int MaxFrameLength { get; init; } = FrameReader.DefaultMaxFrameLength;

    /// <summary>The wait before the first new attempt after a connection failed; doubles each time, with jitter. Default 100 ms.</summary>
    public TimeSpan ReconnectBackoff { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest wait between two attempts to connect. Default 2 s.</summary>
    public TimeSpan MaxReconnectBackoff { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How requests are written. Answers are read in either way. Default JSON.</summary>
    public SerializeType SerializeType { get; init; } = SerializeType.Json;

    /// <summary>
    /// Bytes waiting in one connection above which further requests wait with their callers, for no longer than their
    /// time-out. Default 8 MiB.
    /// </summary>
    public int SendBufferLimit { get; init; } = 8 * 1024 * 1024;

    /// <summary>Encrypts every connection; null (default): plain TCP. Servers speak both on the same port.</summary>
    public TlsOptions? Tls { get; init; }

    /// <summary>Signs every request; null (default): none is signed.</summary>
    public AclCredentials? Credentials { get; init; }

    /// <summary>
    /// A file with the account that signs every request, instead of <see cref="Credentials"/>: the lines <c>accessKey: ...</c>,
    /// <c>secretKey: ...</c> and, for a temporary account, <c>securityToken: ...</c>, as in RocketMQ's <c>tools.yml</c>. Read when a
    /// client is made, and again when it changes. Null (default): none.
    /// </summary>
    public string? CredentialsFile { get; init; }

    /// <summary>
    /// How often a started client looks whether the files of <see cref="Tls"/> and <see cref="CredentialsFile"/> have changed.
    /// What is new is used when it is still the same a second later; what is broken leaves what was before. Default 10 s.
    /// </summary>
    public TimeSpan FileReloadInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The tenant's namespace of version 1: names of topics and groups get the prefix <c>namespace%</c> on the wire, and
    /// lose it on the way back. Null (default): none (<c>namespace</c>).
    /// </summary>
    public string? Namespace { get; init; }

    /// <summary>The tenant's namespace of version 2, a field of every request. Null (default): none (<c>namespaceV2</c>).</summary>
    public string? NamespaceV2 { get; init; }

    /// <summary>Finds the addresses a host's name stands for, each time a connection is opened.</summary>
    internal Func<string, CancellationToken, Task<IPAddress[]>> Resolve { get; init; } = Dns.GetHostAddressesAsync;

    /// <summary>Makes connections instead of sockets; null: none does, servers are reached by TCP.</summary>
    internal Func<Stream>? Connect { get; init; }

    /// <summary>Where answers lie that their receiver gives back.</summary>
    internal ArrayPool<byte> BodyPool { get; init; } = ArrayPool<byte>.Shared;

    /// <summary>Checks the settings.</summary>
    /// <exception cref="RocketMQConfigurationException">One is out of range; the error names it.</exception>
    public void Validate()
    {
        SettingRange.CheckTime(nameof(ConnectTimeout), ConnectTimeout);
        SettingRange.CheckTime(nameof(RequestTimeout), RequestTimeout);
        SettingRange.CheckTime(nameof(IdleTimeout), IdleTimeout);
        SettingRange.CheckTime(nameof(ReconnectBackoff), ReconnectBackoff);
        SettingRange.CheckTime(nameof(MaxReconnectBackoff), MaxReconnectBackoff);
        SettingRange.CheckTime(nameof(FileReloadInterval), FileReloadInterval);
        SettingRange.Check(nameof(MaxFrameLength), MaxFrameLength, 1024, 1024 * 1024 * 1024, "bytes");
        SettingRange.Check(nameof(SendBufferLimit), SendBufferLimit, 1024, 1024 * 1024 * 1024, "bytes");
        if (Credentials is not null && CredentialsFile is not null)
        {
            throw new RocketMQConfigurationException(nameof(CredentialsFile), CredentialsFile, "none, since there are Credentials");
        }

        if (!Enum.IsDefined(SerializeType))
        {
            throw new RocketMQConfigurationException(
                nameof(SerializeType), SerializeType, string.Join(" or ", Enum.GetNames<SerializeType>()));
        }
    }
}

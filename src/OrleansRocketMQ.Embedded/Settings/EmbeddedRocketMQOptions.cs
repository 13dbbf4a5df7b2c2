using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Framing;

namespace OrleansRocketMQ.Embedded;

/// <summary>How an embedded name server and its brokers behave. Immutable; defaults are RocketMQ 5.3's unless said otherwise.</summary>
public sealed record EmbeddedRocketMQOptions
{
    private const int MostSlaves = 16;
    private const int LargestMessage = 128 * 1024 * 1024;
    private const long SmallestStore = 1024 * 1024;

    /// <summary>RocketMQ's default delay levels, 1 to 18 (<c>messageDelayLevel</c>).</summary>
    public const string DefaultMessageDelayLevels = "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h";

    /// <summary>The name server's port; 0 takes any free one. Default 0, where RocketMQ has 9876.</summary>
    public int NameServerPort { get; init; }

    /// <summary>The first broker's port; 0 takes any free one. Default 0, where RocketMQ has 10911.</summary>
    public int BrokerPort { get; init; }

    /// <summary>The address to listen on. Default loopback, so that nothing outside of this machine gets in.</summary>
    public IPAddress BindAddress { get; init; } = IPAddress.Loopback;

    /// <summary>
    /// The address that routes, and with them clients, are told. Null (default) means <see cref="BindAddress"/>, which
    /// must then be a concrete address.
    /// </summary>
    public IPAddress? AdvertisedAddress { get; init; }

    /// <summary>The first broker's name (<c>brokerName</c>). Default <c>broker-a</c>.</summary>
    public string BrokerName { get; init; } = "broker-a";

    /// <summary>The cluster's name (<c>brokerClusterName</c>). Default <c>DefaultCluster</c>.</summary>
    public string ClusterName { get; init; } = "DefaultCluster";

    /// <summary>
    /// Where messages, topics, groups and offsets are kept, a sub-folder per broker; created when missing. Null
    /// (default) keeps them in memory only. With a folder they are held in memory as well.
    /// What was acknowledged survives a crash of the process; <see cref="FlushDiskType"/> says whether that of the machine, too.
    /// </summary>
    public string? DataFolder { get; init; }

    /// <summary>
    /// Whether a message in the <see cref="DataFolder"/> is on the disk before it is acknowledged (<c>flushDiskType</c>). Default
    /// <see cref="Embedded.FlushDiskType.Async"/>: a power failure may cost the last messages.
    /// </summary>
    public FlushDiskType FlushDiskType { get; init; }

    /// <summary>Whether a send to an unknown topic creates it (<c>autoCreateTopicEnable</c>). Default true.</summary>
    public bool AutoCreateTopics { get; init; } = true;

    /// <summary>Whether an unknown group is created when first used (<c>autoCreateSubscriptionGroup</c>). Default true.</summary>
    public bool AutoCreateGroups { get; init; } = true;

    /// <summary>
    /// The most queues an automatically created topic gets; the producer's own wish, 4 for RocketMQ's clients, is the
    /// other limit (<c>defaultTopicQueueNums</c>). Default 8.
    /// </summary>
    public int DefaultQueues { get; init; } = 8;

    /// <summary>Whether groups may select by SQL92 (<c>enablePropertyFilter</c>). Default true, where RocketMQ has false.</summary>
    public bool EnablePropertyFilter { get; init; } = true;

    /// <summary>
    /// The waiting times of the delay levels from 1 on, separated by blanks, each a number with s, m, h or d;
    /// ms is understood too, which RocketMQ does not (<c>messageDelayLevel</c>).
    /// </summary>
    public string MessageDelayLevels { get; init; } = DefaultMessageDelayLevels;

    /// <summary>A client that sends no heartbeat for this long is forgotten and its connection closed. Default 120 s.</summary>
    public TimeSpan ClientExpiry { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>
    /// A queue lock that is not renewed for this long is anybody's. Default 60 s
    /// (<c>rocketmq.broker.rebalance.lockMaxLiveTime</c>).
    /// </summary>
    public TimeSpan LockExpiry { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Whether a reset of offsets is sent to the members of the group, as brokers before 5.2 do, instead of being told to
    /// the next pull of each queue. Default false (<c>useServerSideResetOffset</c> is true).
    /// </summary>
    public bool PushOffsetResets { get; init; }

    /// <summary>A half message older than this is asked back for (<c>transactionTimeOut</c>). Default 6 s.</summary>
    public TimeSpan TransactionTimeout { get; init; } = TimeSpan.FromSeconds(6);

    /// <summary>How often half messages are looked at (<c>transactionCheckInterval</c>). Default 30 s.</summary>
    public TimeSpan TransactionCheckInterval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often a half message is asked back for before it is given up (<c>transactionCheckMax</c>). Default 15.</summary>
    public int TransactionCheckMax { get; init; } = 15;

    /// <summary>
    /// Whether messages may come at a time of their own, and groups may pop, which rests on it (<c>timerWheelEnable</c>). Default true.
    /// </summary>
    public bool TimerWheelEnable { get; init; } = true;

    /// <summary>
    /// Whether messages that wait for their time may be taken back (<c>recallMessageEnable</c>). Default true, where RocketMQ has
    /// false.
    /// </summary>
    public bool RecallMessageEnable { get; init; } = true;

    /// <summary>
    /// Whether messages that were popped and not acknowledged come again in <c>%RETRY%group+topic</c> instead of
    /// <c>%RETRY%group_topic</c> (<c>enableRetryTopicV2</c>). Default false.
    /// </summary>
    public bool EnableRetryTopicV2 { get; init; }

    /// <summary>
    /// Whether a message may name light queues, <c>%LMQ%...</c>, in which it is listed beside its topic's (<c>enableLmq</c> and
    /// <c>enableMultiDispatch</c>): see <see cref="MessageProperties.MultiDispatch"/>. Default false.
    /// </summary>
    public bool EnableLmq { get; init; }

    /// <summary>
    /// How many pops for one group and queue may wait for messages; a further one is answered POLLING_FULL (<c>popPollingSize</c>).
    /// Default 1024.
    /// </summary>
    public int PopPollingSize { get; init; } = 1024;

    /// <summary>The longest body, in bytes (<c>maxMessageSize</c>). Default 4 MiB.</summary>
    public int MaxMessageSize { get; init; } = 4 * 1024 * 1024;

    /// <summary>
    /// The most bytes of messages a broker keeps; beyond it the oldest are dropped and the queues' minimum offsets move.
    /// With them go delayed and half messages whose time has not come, which the log tells as an error: as in RocketMQ,
    /// whose retention does not ask either.
    /// 0 (default) keeps everything. At least 1 MiB otherwise.
    /// </summary>
    public long MaxStoreBytes { get; init; }

    /// <summary>
    /// How name server and brokers write the headers of what they send, whatever the request's was
    /// (<c>rocketmq.serialize.type</c>). Default JSON.
    /// </summary>
    public SerializeType SerializeType { get; init; } = SerializeType.Json;

    /// <summary>
    /// The accounts that may use the brokers, access key to secret key; requests must be signed by one of them. As with a
    /// real name server, that is not asked there. Null (default): everybody may.
    /// </summary>
    public IReadOnlyDictionary<string, string>? Accounts { get; init; }

    /// <summary>
    /// The certificate, with its key, that name server and brokers show to clients that speak TLS. Plain connections are
    /// welcome on the same port unless <see cref="RequireTls"/> is set. Null (default): no TLS.
    /// </summary>
    public X509Certificate2? TlsCertificate { get; init; }

    /// <summary>Whether plain connections are refused (<c>tls.server.mode=enforcing</c>). Default false.</summary>
    public bool RequireTls { get; init; }

    /// <summary>
    /// The authority that certificates of clients must come from; with one, clients that speak TLS must show such a
    /// certificate (<c>tls.server.need.client.auth</c>). Null (default): they need not.
    /// </summary>
    public X509Certificate2? TlsClientAuthority { get; init; }

    /// <summary>Whether brokers listen on a second port, two below the first, as RocketMQ's do. Default false.</summary>
    public bool VipChannel { get; init; }

    /// <summary>How many slaves each broker has from its start on. Default 0; more can be added later.</summary>
    public int Slaves { get; init; }

    /// <summary>
    /// Whether slaves answer pulls, and masters send consumers there that are far behind (<c>slaveReadEnable</c>).
    /// Default false: a slave answers that it is busy.
    /// </summary>
    public bool SlaveReadEnable { get; init; }

    /// <summary>
    /// Whether the slave with the least id stands in for a master that has left: routes name it as the master of topics that can be
    /// read only, it keeps pulls waiting, and the master takes over its offsets when it is back (<c>enableSlaveActingMaster</c>, and
    /// <c>supportActingMaster</c> of name servers). Needs <see cref="SlaveReadEnable"/>, as with RocketMQ. Default false.
    /// </summary>
    public bool SlaveActingMaster { get; init; }

    /// <summary>
    /// How many bytes before the end of the commit log messages must lie for a pull of them to be sent to a slave. Null
    /// (default): 40 % of the memory this process may use, where RocketMQ takes the machine's
    /// (<c>accessMessageInMemoryMaxRatio</c>).
    /// </summary>
    public long? SlowReadBytes { get; init; }

    /// <summary>How often a slave overwrites its offsets with the master's. Default 60 s.</summary>
    public TimeSpan SlaveSyncInterval { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// The clock of store times, delays, expiry, locks and long polls. Default the system's. Sockets live in real time
    /// whatever is given here.
    /// </summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Where logs go. Default nowhere.</summary>
    public ILoggerFactory LoggerFactory { get; init; } = NullLoggerFactory.Instance;

    internal Store.StoreDisk Disk { get; init; } = Store.StoreDisk.Real;

    /// <summary>The longest frame servers take: RocketMQ's 16 MiB, or what the largest message needs.</summary>
    internal int MaxFrameLength => Math.Max(Framing.FrameReader.DefaultMaxFrameLength, MaxMessageSize + (1024 * 1024));

    internal IPAddress ToldAddress => AdvertisedAddress ?? BindAddress;

    internal void Validate()
    {
        CheckPort(nameof(NameServerPort), NameServerPort);
        CheckPort(nameof(BrokerPort), BrokerPort);
        CheckName(nameof(BrokerName), BrokerName);
        CheckName(nameof(ClusterName), ClusterName);
        Check(BindAddress is not null, nameof(BindAddress), BindAddress, "an address");
        Check(
            !ToldAddress.Equals(IPAddress.Any) && !ToldAddress.Equals(IPAddress.IPv6Any),
            nameof(AdvertisedAddress),
            AdvertisedAddress,
            "an address clients can connect to, since BindAddress stands for all addresses");
        Check(DataFolder is null || !string.IsNullOrWhiteSpace(DataFolder), nameof(DataFolder), DataFolder, "null or a folder");
        Check(DefaultQueues is >= 1 and <= 1024, nameof(DefaultQueues), DefaultQueues, "1 to 1024");
        Check(ClientExpiry > TimeSpan.Zero, nameof(ClientExpiry), ClientExpiry, "more than zero");
        Check(LockExpiry > TimeSpan.Zero, nameof(LockExpiry), LockExpiry, "more than zero");
        Check(TransactionTimeout >= TimeSpan.Zero, nameof(TransactionTimeout), TransactionTimeout, "zero or more");
        Check(TransactionCheckInterval > TimeSpan.Zero, nameof(TransactionCheckInterval), TransactionCheckInterval, "more than zero");
        Check(TransactionCheckMax >= 0, nameof(TransactionCheckMax), TransactionCheckMax, "0 or more");
        Check(PopPollingSize >= 0, nameof(PopPollingSize), PopPollingSize, "0 or more");
        Check(MaxMessageSize is >= 1 and <= LargestMessage, nameof(MaxMessageSize), MaxMessageSize, $"1 to {LargestMessage}");
        Check(
            MaxStoreBytes == 0 || MaxStoreBytes >= Math.Max(SmallestStore, 4L * MaxMessageSize),
            nameof(MaxStoreBytes),
            MaxStoreBytes,
            "0, or at least 1048576 and four times MaxMessageSize");
        Check(
            TlsCertificate?.HasPrivateKey != false,
            nameof(TlsCertificate),
            TlsCertificate?.Subject,
            "a certificate with its private key");
        Check(!RequireTls || TlsCertificate is not null, nameof(RequireTls), RequireTls, "false, since there is no TlsCertificate");
        Check(
            TlsClientAuthority is null || TlsCertificate is not null,
            nameof(TlsClientAuthority),
            TlsClientAuthority?.Subject,
            "null, since there is no TlsCertificate");
        Check(!VipChannel || BrokerPort is 0 or > 2, nameof(BrokerPort), BrokerPort, "0, or a port with another one two below it");
        Check(Slaves is >= 0 and <= MostSlaves, nameof(Slaves), Slaves, "0 to 16");
        Check(SlowReadBytes is null or >= 0, nameof(SlowReadBytes), SlowReadBytes, "null, or 0 or more");
        Check(SlaveSyncInterval > TimeSpan.Zero, nameof(SlaveSyncInterval), SlaveSyncInterval, "more than zero");
        Check(Enum.IsDefined(FlushDiskType), nameof(FlushDiskType), FlushDiskType, "Async or Sync");
        Check(Enum.IsDefined(SerializeType), nameof(SerializeType), SerializeType, "Json or RocketMQ");
        Check(TimeProvider is not null, nameof(TimeProvider), TimeProvider, "a clock");
        Check(LoggerFactory is not null, nameof(LoggerFactory), LoggerFactory, "a logger factory");
        _ = Settings.DelayLevels.Parse(MessageDelayLevels);
    }

    internal static void CheckName(string field, string? name) => Check(
        !string.IsNullOrWhiteSpace(name) && name.All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_' or '.'),
        field,
        name,
        "letters, digits, '-', '_' and '.'");

    private static void CheckPort(string field, int port) => Check(port is >= 0 and <= 65535, field, port, "0 to 65535");

    private static void Check(bool good, string field, object? value, string expected)
    {
        if (!good)
        {
            throw new RocketMQConfigurationException(field, value, expected);
        }
    }
}

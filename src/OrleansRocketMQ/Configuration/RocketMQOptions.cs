namespace OrleansRocketMQ.Configuration;

/// <summary>What all consumers of a silo share. Bound from the section <c>RocketMQ</c>.</summary>
public sealed class RocketMQOptions
{
    /// <summary>The name of the configuration section.</summary>
    public const string SectionName = "RocketMQ";

    /// <summary>Name servers: <c>host:port</c>, several separated by <c>;</c>. Required.</summary>
    public string? NameServer { get; set; }

    /// <summary>How often routes are read again. Default 30 s.</summary>
    public TimeSpan PollNameServerInterval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How often every broker is told that this silo lives; a broker forgets it after 120 s. Default 30 s.</summary>
    public TimeSpan HeartbeatInterval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether heartbeats leave out subscriptions that brokers know already. Default false (<c>useHeartbeatV2</c>).</summary>
    public bool UseHeartbeatV2 { get; set; }

    /// <summary>How long a request to a name server or broker may take, pulls excepted. Default 3 s.</summary>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>
    /// The longest answer of a broker or name server that is accepted, in bytes; above the largest message brokers take
    /// (<c>maxMessageSize</c>). Default 16 MiB (<c>com.rocketmq.remoting.frameMaxLength</c>).
    /// </summary>
    public int MaxFrameLength { get; set; } = Framing.FrameReader.DefaultMaxFrameLength;

    /// <summary>How often the allocation is checked even when nothing seems to have changed. Default 20 s.</summary>
    public TimeSpan RebalanceInterval { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// How long this silo goes on without being able to read the cluster's membership. After that others may have taken
    /// its queues without its knowing, so they pause, and nothing is committed, until the membership can be read again.
    /// A quarter of it passes between two readings. Zero: never paused. Default 2 min.
    /// </summary>
    public TimeSpan MembershipTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>
    /// For the strategy MACHINE_ROOM_NEARBY: rooms with the beginnings of the broker names and client ids that stand in
    /// them, joined by <c>;</c>; for example <c>east</c> with <c>east-;10.1.</c>
    /// </summary>
    public IDictionary<string, string> MachineRooms { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>
    /// The folder of <see cref="Hosting.RocketMQBuilder.UseFileStorage"/>. A leading <c>~</c> is the user's home. Default
    /// <c>~/.rocketmq/offsets</c>.
    /// </summary>
    public string OffsetStorePath { get; set; } = "~/.rocketmq/offsets";

    /// <summary>
    /// Whether a message whose body does not match its checksum counts as unreadable. Default false, as in Java
    /// (<c>checkCRC</c>).
    /// </summary>
    public bool CheckCrc { get; set; }

    /// <summary>
    /// Bytes the compressed body of a message may decompress to; a longer one counts as unreadable. Default 16 MiB, four
    /// times what Java's producers send unless told otherwise.
    /// </summary>
    public int MaxDecompressedBodyBytes { get; set; } = 16 * 1024 * 1024;

    /// <summary>
    /// Bytes that messages of all groups of the silo keep in memory together before pulling waits; queues take turns then. A
    /// pull counts as a whole until its last message is done. At least 1 MiB. Default null: a quarter of the memory the
    /// process may use. The sum may exceed it by one pull of each
    /// queue (256 KiB, 4 MiB decompressed, or one message where that is larger), because a queue that holds nothing always pulls.
    /// </summary>
    public long? MaxCachedBytes { get; set; }

    /// <summary>
    /// At shutdown, how long listeners may take to finish what they have begun before their token fires. Default 10 s;
    /// must be below Orleans' <c>DeactivationTimeout</c> (30 s) and 5 s below the host's shutdown time-out (30 s), else the
    /// silo refuses to start.
    /// </summary>
    public TimeSpan ShutdownTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long the groups of a silo that joins others wait until its code is compiled: it does once what it will do for the queues
    /// that move to it, with a queue that comes from another silo and whose broker is in memory, so that real queues need not wait
    /// for the compiler. Mostly over in less than a second; a silo that is alone does not wait. Zero: none of it. Default 2 s.
    /// </summary>
    public TimeSpan WarmUpTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>The account that requests are signed for (ACL). Null (default): none, requests are not signed.</summary>
    public string? AccessKey { get; set; }

    /// <summary>The secret key of <see cref="AccessKey"/>, required with it. Never logged or shown.</summary>
    public string? SecretKey { get; set; }

    /// <summary>The token of a temporary account. Default none. Never logged or shown.</summary>
    public string? SecurityToken { get; set; }

    /// <summary>
    /// A file with the account, instead of <see cref="AccessKey"/>, <see cref="SecretKey"/> and <see cref="SecurityToken"/>: lines
    /// <c>accessKey: ...</c>, <c>secretKey: ...</c> and perhaps <c>securityToken: ...</c>, as in RocketMQ's <c>tools.yml</c>. Read
    /// again when it changes. Default none.
    /// </summary>
    public string? CredentialsFile { get; set; }

    /// <summary>
    /// How often it is looked whether the files with certificates and the account have changed. What is new is used when it is
    /// still the same a second later; what is broken leaves what was before. Default 10 s.
    /// </summary>
    public TimeSpan FileReloadInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The tenant's namespace of version 1: on the wire names of topics and groups begin with <c>namespace%</c>; listeners,
    /// settings and statistics have them without. Default none. Not together with <see cref="NamespaceV2"/>.
    /// </summary>
    public string? Namespace { get; set; }

    /// <summary>The tenant's namespace of version 2, which every request carries. Default none.</summary>
    public string? NamespaceV2 { get; set; }

    /// <summary>The site this cluster belongs to; part of its client ids. The same on all silos. Default none.</summary>
    public string? UnitName { get; set; }

    /// <summary>Whether short requests go to brokers' second port, two below the first. Default false.</summary>
    public bool VipChannel { get; set; }

    /// <summary>Whether connections are encrypted. Default false.</summary>
    public bool UseTls { get; set; }

    /// <summary>A PEM file with the authorities that servers' certificates must come from. Default those the system trusts.</summary>
    public string? TlsAuthorityFile { get; set; }

    /// <summary>Whether any certificate is good, be it forged; for tests only. Default false.</summary>
    public bool TlsDangerouslyTrustAnyCertificate { get; set; }

    /// <summary>A file with the certificate this silo shows to servers: PEM, or PKCS #12 with its key. Default none is shown.</summary>
    public string? TlsClientCertificateFile { get; set; }

    /// <summary>The PEM file of that certificate's key, when it is not in the same file. Default the same file.</summary>
    public string? TlsClientKeyFile { get; set; }

    /// <summary>The password of that key or PKCS #12 file. Default none. Never logged or shown.</summary>
    public string? TlsClientKeyPassword { get; set; }

    /// <summary>The name that servers' certificates must be for. Default the host of each address.</summary>
    public string? TlsTargetHost { get; set; }
}

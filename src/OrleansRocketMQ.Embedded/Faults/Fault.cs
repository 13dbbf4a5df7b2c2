using OrleansRocketMQ.Framing;

namespace OrleansRocketMQ.Embedded;

/// <summary>Which servers a fault is for.</summary>
[Flags]
public enum FaultServers
{
    /// <summary>The name server.</summary>
    NameServer = 1,

    /// <summary>Every broker.</summary>
    Brokers = 2,

    /// <summary>The name server and every broker.</summary>
    All = NameServer | Brokers,
}

/// <summary>What a fault does.</summary>
public enum FaultKind
{
    /// <summary>The connection is closed instead of an answer.</summary>
    CloseConnection,

    /// <summary>The request is handled after a while only.</summary>
    Delay,

    /// <summary>The request is not handled but answered with a code.</summary>
    Answer,

    /// <summary>The answer's first half is sent, then the connection is closed.</summary>
    TruncateAnswer,

    /// <summary>Nothing is answered; the connection stays.</summary>
    NoAnswer,

    /// <summary>New connections are reset as soon as they are there; those that are stay.</summary>
    RefuseConnections,
}

/// <summary>A request about to be handled.</summary>
/// <param name="Server">The broker's name, that name and <c> (slave 1)</c> for its first slave, or <c>name server</c>.</param>
/// <param name="RemoteAddress">The client, <c>host:port</c>.</param>
/// <param name="ClientId">The client's id, once a heartbeat has told it on this connection.</param>
/// <param name="Request">The request; not to be changed.</param>
public sealed record FaultTarget(string Server, string RemoteAddress, string? ClientId, RemotingCommand Request);

/// <summary>
/// Something a server is to do wrong. Immutable; begin with one of the factories and narrow it down:
/// <c>Fault.Answer(ResponseCodes.SystemBusy) with { RequestCode = RequestCodes.PullMessage, Times = 2 }</c>.
/// </summary>
public sealed record Fault
{
    private Fault(FaultKind kind) => Kind = kind;

    /// <summary>What happens.</summary>
    public FaultKind Kind { get; }

    /// <summary>The servers it happens to. Default all.</summary>
    public FaultServers Servers { get; init; } = FaultServers.All;

    /// <summary>The broker it happens to, or, as in <c>broker-a (slave 1)</c>, the slave; null (default) means each.</summary>
    public string? BrokerName { get; init; }

    /// <summary>The code of the requests it happens to; null (default) means each.</summary>
    public int? RequestCode { get; init; }

    /// <summary>Chooses among the requests, or null (default). Called on receiving threads; must be quick.</summary>
    public Func<FaultTarget, bool>? When { get; init; }

    /// <summary>How often it happens; null (default) means until it is removed.</summary>
    public int? Times { get; init; }

    /// <summary>How many of the requests meant go through before the first one it happens to. Default 0.</summary>
    public int Skip { get; init; }

    /// <summary>
    /// For <see cref="FaultKind.CloseConnection"/> and <see cref="FaultKind.NoAnswer"/>: whether the request takes effect
    /// all the same, so that only its answer is lost. Default false.
    /// </summary>
    public bool HandleFirst { get; init; }

    /// <summary>The wait of a <see cref="FaultKind.Delay"/>, on the clock of the options.</summary>
    public TimeSpan DelayTime { get; private init; }

    /// <summary>The code of a <see cref="FaultKind.Answer"/>.</summary>
    public int ResponseCode { get; private init; }

    /// <summary>The remark of a <see cref="FaultKind.Answer"/>.</summary>
    public string? Remark { get; private init; }

    /// <summary>Closes the connection instead of answering.</summary>
    public static Fault CloseConnection() => new(FaultKind.CloseConnection);

    /// <summary>Handles requests late.</summary>
    public static Fault Delay(TimeSpan time) => new(FaultKind.Delay) { DelayTime = time };

    /// <summary>Answers with a code of <see cref="Protocol.ResponseCodes"/> instead of handling the request.</summary>
    public static Fault Answer(int responseCode, string? remark = null)
        => new(FaultKind.Answer) { ResponseCode = responseCode, Remark = remark ?? "injected fault" };

    /// <summary>Handles the request, sends half of the answer and closes the connection.</summary>
    public static Fault TruncateAnswer() => new(FaultKind.TruncateAnswer);

    /// <summary>Leaves requests unanswered.</summary>
    public static Fault NoAnswer() => new(FaultKind.NoAnswer);

    /// <summary>Resets new connections.</summary>
    public static Fault RefuseConnections() => new(FaultKind.RefuseConnections);
}

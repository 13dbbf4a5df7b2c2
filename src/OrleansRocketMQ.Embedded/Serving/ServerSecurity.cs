using System.Security.Cryptography.X509Certificates;
using OrleansRocketMQ.Framing;

namespace OrleansRocketMQ.Embedded.Serving;

/// <summary>
/// Who is let in, and what name server and brokers show of themselves: as the options say, until it is changed. Thread-safe.
/// </summary>
internal sealed class ServerSecurity(EmbeddedRocketMQOptions options)
{
    private volatile AccessControl? _accounts = options.Accounts is null ? null : new(options.Accounts);
    private volatile TlsGate? _gate = GateOf(options.TlsCertificate, options.TlsClientAuthority, options.RequireTls);

    /// <summary>What stands before new connections; null: they are plain.</summary>
    public TlsGate? Gate => _gate;

    /// <summary>Why a request is refused, or null when it is not.</summary>
    public string? Complaint(RemotingCommand request) => _accounts?.Complaint(request);

    public void Change(IReadOnlyDictionary<string, string>? accounts) => _accounts = accounts is null ? null : new(accounts);

    public void Change(X509Certificate2 certificate, X509Certificate2? clientAuthority)
        => _gate = GateOf(certificate, clientAuthority, options.RequireTls);

    private static TlsGate? GateOf(X509Certificate2? certificate, X509Certificate2? clientAuthority, bool required)
        => certificate is null ? null : new(certificate, clientAuthority, required);
}

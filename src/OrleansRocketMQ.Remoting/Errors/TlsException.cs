namespace OrleansRocketMQ;

/// <summary>
/// An encrypted connection could not be made: the certificate is not to be trusted, or the other side does not speak TLS.
/// </summary>
public sealed class TlsException(string address, string reason, Exception? innerException = null)
    : RocketMQNetworkException($"No encrypted connection to {address}: {reason}", innerException, RocketMQErrorCode.Tls)
{
    /// <summary>The server, <c>host:port</c>.</summary>
    public string Address { get; } = address;

    /// <summary>What is wrong.</summary>
    public string Reason { get; } = reason;
}

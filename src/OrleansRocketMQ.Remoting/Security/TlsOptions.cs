namespace OrleansRocketMQ.Security;

/// <summary>
/// How connections are encrypted, and whom they trust. Files are read when a client is made, and again when they change
/// (<c>RemotingOptions.FileReloadInterval</c>). Immutable. Mirrors
/// <c>TlsSystemConfig</c>, whose client by default trusts anybody; this one does not.
/// </summary>
public sealed record TlsOptions
{
    /// <summary>
    /// A PEM file with the certificates of the authorities that servers' certificates must come from
    /// (<c>tls.client.trustCertPath</c>). Null (default): the authorities the system trusts.
    /// </summary>
    public string? AuthorityFile { get; init; }

    /// <summary>
    /// Whether every certificate is good, be it forged: encrypted, but with whoever answers. For tests only
    /// (<c>tls.test.mode.enable</c>). Default false.
    /// </summary>
    public bool DangerouslyTrustAnyCertificate { get; init; }

    /// <summary>
    /// A file with the certificate that shows servers who this client is: PEM, or PKCS #12 with its key
    /// (<c>tls.client.certPath</c>). Null (default): none is shown.
    /// </summary>
    public string? ClientCertificateFile { get; init; }

    /// <summary>The PEM file of the client certificate's key, when it is not in the same file (<c>tls.client.keyPath</c>).</summary>
    public string? ClientKeyFile { get; init; }

    /// <summary>The password of the key or of the PKCS #12 file (<c>tls.client.keyPassword</c>). Never shown.</summary>
    public string? ClientKeyPassword { get; init; }

    /// <summary>The name servers' certificates must be for. Null (default): the host of each address.</summary>
    public string? TargetHost { get; init; }

    /// <summary>The files that are read.</summary>
    internal IReadOnlyList<string> Files
        => [.. new[] { AuthorityFile, ClientCertificateFile, ClientCertificateFile is null ? null : ClientKeyFile }.OfType<string>()];

    /// <summary>The settings without the password.</summary>
    public override string ToString()
        => $"TLS, trusting {(DangerouslyTrustAnyCertificate ? "ANYBODY" : AuthorityFile ?? "the system's authorities")}, "
            + $"client certificate {ClientCertificateFile ?? "none"}";
}

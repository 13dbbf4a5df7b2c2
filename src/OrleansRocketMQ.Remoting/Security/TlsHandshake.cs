using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace OrleansRocketMQ.Security;

/// <summary>Encrypts connections to servers, and says what is wrong when that cannot be done. Thread-safe.</summary>
internal sealed class TlsHandshake
{
    private readonly TlsOptions _options;
    private readonly X509Certificate2Collection? _authorities;
    private readonly SslStreamCertificateContext? _client;

    /// <exception cref="RocketMQConfigurationException">A file cannot be read, or does not hold what it should.</exception>
    public TlsHandshake(TlsOptions options)
    {
        _options = options;
        _authorities = options.AuthorityFile is null ? null : LoadAuthorities(options.AuthorityFile);
        if (options.ClientCertificateFile is not null)
        {
            var (certificate, issuers) = LoadClientCertificate(options);
            // The servers may know no more than the root: who stands between is shown, too.
            _client = SslStreamCertificateContext.Create(certificate, issuers, offline: true);
        }
    }

    /// <summary>Takes over a connection that was just made.</summary>
    /// <exception cref="TlsException">The certificate is not to be trusted, or the server does not speak TLS.</exception>
    /// <param name="plain">The connection.</param>
    /// <param name="address">The server, as its errors name it.</param>
    /// <param name="serverHost">Its host, which its certificate must name unless the settings name another one.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<Stream> EncryptAsync(
        Stream plain,
        string address,
        string serverHost,
        CancellationToken cancellationToken)
    {
        var host = _options.TargetHost ?? serverHost;
        string? complaint = null;
        var encrypted = new SslStream(plain);
        try
        {
            await encrypted.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = host,
                    ClientCertificateContext = _client,
                    CertificateChainPolicy = ChainPolicy(),
                    RemoteCertificateValidationCallback = (_, certificate, chain, errors) => _options.DangerouslyTrustAnyCertificate
                        || (complaint = Complaint(certificate, chain, errors, host)) is null,
                },
                cancellationToken).ConfigureAwait(false);
            return encrypted;
        }
        catch (Exception exception)
        {
            await encrypted.DisposeAsync().ConfigureAwait(false);
            if (exception is AuthenticationException or IOException)
            {
                throw new TlsException(
                    address,
                    complaint ?? "the handshake failed, perhaps because the server does not speak TLS "
                        + $"or wants another client certificate: {exception.Message}",
                    exception);
            }

            throw;
        }
    }

    private X509ChainPolicy ChainPolicy()
    {
        // Authorities of one's own have no revocation lists to ask for, as a rule; the system's are not asked in .NET's default either.
        var policy = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck };
        if (_authorities is not null)
        {
            policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            // A certificate may name any address to get its issuer from; nobody waits for those, and nothing of it is asked.
            policy.DisableCertificateDownloads = true;
            policy.CustomTrustStore.AddRange(_authorities);
        }

        return policy;
    }

    private static string? Complaint(X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors, string host)
    {
        if (errors == SslPolicyErrors.None)
        {
            return null;
        }

        var complaints = new List<string>();
        if ((errors & SslPolicyErrors.RemoteCertificateNotAvailable) != 0)
        {
            complaints.Add("the server shows no certificate");
        }

        if ((errors & SslPolicyErrors.RemoteCertificateNameMismatch) != 0)
        {
            complaints.Add($"the certificate '{certificate?.Subject}' is not for '{host}'");
        }

        if ((errors & SslPolicyErrors.RemoteCertificateChainErrors) != 0)
        {
            var reasons = chain?.ChainStatus.Select(status => $"{status.Status} ({status.StatusInformation.Trim()})") ?? [];
            complaints.Add($"the certificate '{certificate?.Subject}' of '{certificate?.Issuer}' is not to be trusted: "
                + string.Join(", ", reasons));
        }

        return string.Join("; ", complaints);
    }

    private static X509Certificate2Collection LoadAuthorities(
        string file) => Load(nameof(TlsOptions.AuthorityFile), file, "a readable PEM file with certificates", () =>
    {
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(file);
        return authorities.Count > 0 ? authorities : throw new CryptographicException("There is no certificate in it.");
    });

    private static (X509Certificate2 Certificate, X509Certificate2Collection Issuers) LoadClientCertificate(TlsOptions options)
    {
        var file = options.ClientCertificateFile!;
        const string Expected = "a readable certificate with its key, PEM or PKCS #12, and the right password";
        return Load<(X509Certificate2, X509Certificate2Collection)>(nameof(TlsOptions.ClientCertificateFile), file, Expected, () =>
        {
            var all = new X509Certificate2Collection();
            if (X509Certificate2.GetCertContentType(file) == X509ContentType.Pkcs12)
            {
                all = X509CertificateLoader.LoadPkcs12CollectionFromFile(file, options.ClientKeyPassword);
                var own = all.FirstOrDefault(certificate => certificate.HasPrivateKey)
                    ?? throw new CryptographicException("There is no certificate with a key in it.");
                return (own, [.. all.Where(certificate => certificate != own)]);
            }

            var first = string.IsNullOrEmpty(options.ClientKeyPassword)
                ? X509Certificate2.CreateFromPemFile(file, options.ClientKeyFile)
                : X509Certificate2.CreateFromEncryptedPemFile(file, options.ClientKeyPassword, options.ClientKeyFile);
            all.ImportFromPemFile(file);
            return (Usable(first), [.. all.Where(certificate => certificate.Thumbprint != first.Thumbprint)]);
        });
    }

    // Windows serves TLS with no key that stands in memory alone.
    private static X509Certificate2 Usable(X509Certificate2 certificate)
        => OperatingSystem.IsWindows()
            ? X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), password: null)
            : certificate;

    private static T Load<T>(string field, string file, string expected, Func<T> load)
    {
        try
        {
            return load();
        }
        catch (Exception exception)
            when (exception is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new RocketMQConfigurationException($"Tls.{field}", file, $"{expected} ({exception.Message})");
        }
    }
}

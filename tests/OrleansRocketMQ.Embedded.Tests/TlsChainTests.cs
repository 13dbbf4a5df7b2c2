using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Security;
using OrleansRocketMQ.Testing;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

/// <summary>Certificates that an authority between the root and them has signed.</summary>
public sealed class TlsChainTests : IDisposable
{
    private readonly TestCertificates _certificates = new();
    private readonly TestFolder _folder = new();
    private readonly TcpListener _server = new(IPAddress.Loopback, 0);
    private readonly TcpListener _issuers = new(IPAddress.Loopback, 0);

    public TlsChainTests()
    {
        _server.Start();
        _issuers.Start();
    }

    public void Dispose()
    {
        _server.Dispose();
        _issuers.Dispose();
        _certificates.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("pem")]
    [InlineData("pfx")]
    public async Task A_client_shows_the_authorities_between_its_certificate_and_the_root(string kind)
    {
        using var between = Issue(_certificates.Authority, "Between", isAuthority: true);
        using var own = Issue(between, "client", isAuthority: false);
        var file = Path.Combine(_folder.Path, "client");
        if (kind == "pem")
        {
            using var key = own.GetECDsaPrivateKey()!;
            await File.WriteAllTextAsync(file, $"{own.ExportCertificatePem()}\n{key.ExportPkcs8PrivateKeyPem()}\n{between.ExportCertificatePem()}\n");
        }
        else
        {
            using var issuer = X509CertificateLoader.LoadCertificate(between.RawData);
            await File.WriteAllBytesAsync(file, new X509Certificate2Collection { issuer, own }.Export(X509ContentType.Pkcs12)!);
        }

        var seen = new TaskCompletionSource<string[]>();
        var serving = ServeOneAsync(_certificates.Server, (_, chain) => seen.TrySetResult([.. chain.ChainPolicy.ExtraStore.Select(certificate => certificate.Subject)]));
        await AskAsync(Trusting() with { ClientCertificateFile = file });
        await serving.WithinDeadline();

        Assert.Contains("CN=Between", await seen.Task.WithinDeadline());
    }

    [Fact]
    public async Task No_issuer_is_fetched_from_an_address_that_a_certificate_names()
    {
        using var between = Issue(_certificates.Authority, "Between", isAuthority: true);
        using var server = Issue(between, "127.0.0.1", isAuthority: false, $"http://{_issuers.LocalEndpoint}/between.cer");
        var serving = ServeOneAsync(server, seen: null);

        var refused = await AskAsync(Trusting());
        await serving.WithinDeadline();

        Assert.IsType<TlsException>(refused);
        Assert.False(_issuers.Pending());
    }

    private static X509Certificate2 Issue(X509Certificate2 issuer, string name, bool isAuthority, string? issuerAddress = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, false, 0, critical: true));
        if (isAuthority)
        {
            request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        }
        else
        {
            var names = new SubjectAlternativeNameBuilder();
            names.AddIpAddress(IPAddress.Loopback);
            request.CertificateExtensions.Add(names.Build());
        }

        if (issuerAddress is not null)
        {
            request.CertificateExtensions.Add(new X509AuthorityInformationAccessExtension(ocspUris: null, [issuerAddress]));
        }

        using var bare = request.Create(issuer, issuer.NotBefore, issuer.NotAfter, RandomNumberGenerator.GetBytes(8));
        using var signed = bare.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(signed.Export(X509ContentType.Pkcs12), password: null, X509KeyStorageFlags.Exportable);
    }

    private async Task ServeOneAsync(X509Certificate2 certificate, Action<X509Certificate?, X509Chain>? seen)
    {
        using var socket = await _server.AcceptSocketAsync();
        await using var stream = new SslStream(new NetworkStream(socket));
        try
        {
            await stream.AuthenticateAsServerAsync(new SslServerAuthenticationOptions
            {
                // Else this side would look for the issuers itself.
                ServerCertificateContext = SslStreamCertificateContext.Create(certificate, additionalCertificates: null, offline: true),
                ClientCertificateRequired = seen is not null,
                CertificateChainPolicy = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true },
                RemoteCertificateValidationCallback = (_, shown, chain, _) =>
                {
                    seen?.Invoke(shown, chain!);
                    return seen is null || shown is not null;
                },
            });
        }
        catch (Exception exception) when (exception is System.Security.Authentication.AuthenticationException or IOException)
        {
            // The client does not trust it.
        }
    }

    private async Task<Exception?> AskAsync(TlsOptions tls)
    {
        await using var remoting = new RemotingClient(
            new RemotingOptions { Tls = tls, RequestTimeout = TimeSpan.FromSeconds(20), ConnectTimeout = TimeSpan.FromSeconds(20) }, TimeProvider.System, NullLogger.Instance);
        return await Record.ExceptionAsync(() => remoting.InvokeAsync($"{_server.LocalEndpoint}", RemotingCommand.Request(RequestCodes.GetRouteInfoByTopic).Set("topic", "orders")).WithinDeadline());
    }

    private TlsOptions Trusting() => new() { AuthorityFile = _certificates.WriteAuthority(_folder.Path) };
}

using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace OrleansRocketMQ.Testing;

/// <summary>An authority of a test's own, and what it has signed; all of it in memory.</summary>
internal sealed class TestCertificates : IDisposable
{
    private readonly List<X509Certificate2> _all = [];

    public TestCertificates(string authority = "Authority of a test")
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={authority}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        Authority = Keep(request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-2), DateTimeOffset.UtcNow.AddDays(2)));
        Server = Issue("127.0.0.1", IPAddress.Loopback);
    }

    public X509Certificate2 Authority { get; }

    /// <summary>A certificate for 127.0.0.1.</summary>
    public X509Certificate2 Server { get; }

    public X509Certificate2 Issue(string name, IPAddress? address = null, bool expired = false)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        if (address is null)
        {
            names.AddDnsName(name);
        }
        else
        {
            names.AddIpAddress(address);
        }

        request.CertificateExtensions.Add(names.Build());
        using var bare = request.Create(
            Authority, DateTimeOffset.UtcNow.AddDays(-1.5), DateTimeOffset.UtcNow.AddDays(expired ? -1 : 1), RandomNumberGenerator.GetBytes(8));
        using var signed = bare.CopyWithPrivateKey(key);
        // Through a file's form, for not every platform serves TLS with a key that was only just made.
        return Keep(X509CertificateLoader.LoadPkcs12(signed.Export(X509ContentType.Pkcs12), password: null));
    }

    /// <summary>Writes the authority's certificate where settings can name it.</summary>
    public string WriteAuthority(string folder)
    {
        var file = Path.Combine(folder, "authority.pem");
        File.WriteAllText(file, Authority.ExportCertificatePem());
        return file;
    }

    public void Dispose() => _all.ForEach(certificate => certificate.Dispose());

    private X509Certificate2 Keep(X509Certificate2 certificate)
    {
        _all.Add(certificate);
        return certificate;
    }
}

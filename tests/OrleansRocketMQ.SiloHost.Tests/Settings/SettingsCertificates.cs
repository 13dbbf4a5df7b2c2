using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost.Settings;

/// <summary>Files for the settings of TLS: an authority, a certificate, and its key under a password.</summary>
internal sealed class SettingsCertificates
{
    public const string Password = "a-password";

    public SettingsCertificates(TestFolder folder)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=settings", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        Authority = Write(folder, "authority.pem", certificate.ExportCertificatePem());
        Certificate = Write(folder, "certificate.pem", certificate.ExportCertificatePem());
        var encryption = new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000);
        Key = Write(folder, "key.pem", key.ExportEncryptedPkcs8PrivateKeyPem(Password, encryption));
    }

    public string Authority { get; }

    public string Certificate { get; }

    public string Key { get; }

    private static string Write(TestFolder folder, string name, string text)
    {
        File.WriteAllText(folder.In(name), text);
        return folder.In(name);
    }
}

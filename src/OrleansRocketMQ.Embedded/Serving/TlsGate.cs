using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace OrleansRocketMQ.Embedded.Serving;

/// <summary>
/// Encrypts connections whose first byte says that the client wants that, and leaves the others plain, or refuses them.
/// Mirrors <c>NettyRemotingServer.TlsModeHandler</c>.
/// </summary>
internal sealed class TlsGate(X509Certificate2 certificate, X509Certificate2? clientAuthority, bool required)
{
    // What every TLS connection begins with; a frame of ours begins with the high byte of its length, 0 or 1.
    private const byte HandshakeRecord = 0x16;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly SslStreamCertificateContext _certificate
        = SslStreamCertificateContext.Create(certificate, additionalCertificates: null, offline: true);

    /// <summary>The stream to speak over, once it is known what the client wants.</summary>
    /// <exception cref="IOException">The client does not begin in time, goes away, or must not come in.</exception>
    public async Task<Stream> OpenAsync(Socket socket, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        var plain = new NetworkStream(socket, ownsSocket: true);
        try
        {
            var first = new byte[1];
            if (await socket.ReceiveAsync(first, SocketFlags.Peek, limit.Token).ConfigureAwait(false) == 0)
            {
                throw new IOException("the client closed the connection before it said anything");
            }

            return first[0] == HandshakeRecord ? await EncryptAsync(plain, limit.Token).ConfigureAwait(false)
                : required ? throw new IOException("the client does not speak TLS, which is required")
                : plain;
        }
        catch (Exception exception)
        {
            await plain.DisposeAsync().ConfigureAwait(false);
            if (exception is SocketException or AuthenticationException or OperationCanceledException)
            {
                throw new IOException(exception.Message, exception);
            }

            throw;
        }
    }

    private async Task<Stream> EncryptAsync(Stream plain, CancellationToken cancellationToken)
    {
        var encrypted = new SslStream(plain);
        var options = new SslServerAuthenticationOptions { ServerCertificateContext = _certificate };
        if (clientAuthority is not null)
        {
            options.ClientCertificateRequired = true;
            options.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
                CustomTrustStore = { clientAuthority },
            };
        }

        await encrypted.AuthenticateAsServerAsync(options, cancellationToken).ConfigureAwait(false);
        return encrypted;
    }
}

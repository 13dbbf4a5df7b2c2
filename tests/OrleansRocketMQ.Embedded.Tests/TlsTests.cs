using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Security;
using OrleansRocketMQ.Testing;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

public sealed class TlsTests : IDisposable
{
    private readonly TestCertificates _certificates = new();
    private readonly TestFolder _folder = new();

    public void Dispose()
    {
        _certificates.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Encrypted_and_plain_clients_are_served_on_the_same_ports()
    {
        await using var rocketMQ = await EmbeddedRocketMQ.StartAsync(new() { TlsCertificate = _certificates.Server });

        await AskAllAsync(rocketMQ, Trusting());
        await AskAllAsync(rocketMQ, tls: null);
    }

    /// <summary>Frames that take many TLS records, both ways, with many requests at once on one connection.</summary>
    [Fact]
    public async Task Large_frames_and_many_at_once_survive_encryption()
    {
        await using var test = await TestBroker.StartAsync(options => options with { TlsCertificate = _certificates.Server });
        await using var remoting = NewRemoting(Trusting());
        var body = new byte[1_000_000];
        Random.Shared.NextBytes(body);

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => remoting.InvokeAsync(test.Broker.Address, Send(body), TimeSpan.FromSeconds(20))));
        Assert.All(answers, answer => Assert.Equal(ResponseCodes.Success, answer.Code));

        var message = await remoting.InvokeAsync(
            test.Broker.Address, RemotingCommand.Request(RequestCodes.ViewMessageById).Set("offset", OffsetMessageId.Parse(answers[7]["msgId"]!).CommitLogOffset));
        Assert.Equal(body, MessageDecoder.DecodeAll(message.Body)[0].Body.ToArray());
    }

    [Theory]
    [InlineData("untrusted", "is not to be trusted")]
    [InlineData("expired", "is not to be trusted: NotTimeValid")]
    [InlineData("wrong name", "the certificate 'CN=elsewhere' is not for '127.0.0.1'")]
    public async Task A_certificate_that_is_not_to_be_trusted_is_a_typed_error_that_says_why(string what, string reason)
    {
        using var others = new TestCertificates();
        var certificate = what switch
        {
            "untrusted" => others.Server,
            "expired" => _certificates.Issue("127.0.0.1", System.Net.IPAddress.Loopback, expired: true),
            _ => _certificates.Issue("elsewhere"),
        };
        await using var rocketMQ = await EmbeddedRocketMQ.StartAsync(new() { TlsCertificate = certificate });
        await using var remoting = NewRemoting(Trusting());

        var error = await Assert.ThrowsAsync<TlsException>(() => remoting.InvokeAsync(rocketMQ.NameServerAddress, Route()));

        Assert.Contains(reason, error.Reason, StringComparison.Ordinal);
        Assert.Equal(rocketMQ.NameServerAddress, error.Address);
        Assert.Equal(RocketMQErrorCode.Tls, error.Code);
        // Who insists gets in all the same, and who knows the right name does, too.
        await AskAllAsync(rocketMQ, new TlsOptions { DangerouslyTrustAnyCertificate = true });
        if (what == "wrong name")
        {
            await AskAllAsync(rocketMQ, Trusting() with { TargetHost = "elsewhere" });
        }
    }

    /// <summary>An hour by a clock that stands still unless told: whoever asks, and asks often, waits for nothing and makes no storm of connections.</summary>
    [Fact]
    public async Task After_a_refused_certificate_who_asks_again_is_told_at_once_and_connections_become_rarer()
    {
        using var others = new TestCertificates();
        using var listener = new TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        var connections = 0;
        using var ending = new CancellationTokenSource();
        var serving = ServeAsync(listener, others.Server, () => Interlocked.Increment(ref connections), ending.Token);
        var time = new FakeTimeProvider();
        var options = new RemotingOptions
        {
            Tls = Trusting(),
            ReconnectBackoff = TimeSpan.FromMinutes(1),
            MaxReconnectBackoff = TimeSpan.FromMinutes(8),
            ConnectTimeout = TimeSpan.FromHours(2),
            RequestTimeout = TimeSpan.FromHours(2),
        };
        await using (var remoting = new RemotingClient(options, time, NullLogger.Instance))
        {
            for (var asked = 0; asked < 720; asked++)
            {
                await Assert.ThrowsAsync<TlsException>(() => remoting.InvokeAsync(listener.LocalEndpoint.ToString()!, Route())).WithinDeadline();
                time.Advance(TimeSpan.FromSeconds(5));
            }
        }

        // Pauses of 1, 2, 4, 8, 8 ... minutes, of which each is cut by up to a half.
        Assert.InRange(connections, 10, 18);
        await ending.CancelAsync();
        await serving.WithinDeadline();
    }

    [Fact]
    public async Task A_server_that_does_not_speak_TLS_is_a_typed_error()
    {
        await using var rocketMQ = await EmbeddedRocketMQ.StartAsync();
        await using var remoting = NewRemoting(Trusting());

        var error = await Assert.ThrowsAsync<TlsException>(() => remoting.InvokeAsync(rocketMQ.NameServerAddress, Route()));

        Assert.Contains("does not speak TLS", error.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_requires_TLS_closes_plain_connections()
    {
        await using var rocketMQ = await EmbeddedRocketMQ.StartAsync(new() { TlsCertificate = _certificates.Server, RequireTls = true });
        await using var plain = NewRemoting(tls: null);

        await Assert.ThrowsAsync<RocketMQNetworkException>(() => plain.InvokeAsync(rocketMQ.NameServerAddress, Route()));
        await AskAllAsync(rocketMQ, Trusting());
    }

    [Theory]
    [InlineData("pfx")]
    [InlineData("pem with its key")]
    [InlineData("pem and a key with a password")]
    public async Task A_client_shows_its_certificate_from_any_kind_of_file(string kind)
    {
        await using var rocketMQ = await EmbeddedRocketMQ.StartAsync(
            new() { TlsCertificate = _certificates.Server, RequireTls = true, TlsClientAuthority = _certificates.Authority });

        await AskAllAsync(rocketMQ, WithClientCertificate(_certificates.Issue("client"), kind));
    }

    [Fact]
    public async Task A_client_without_the_certificate_a_server_wants_does_not_get_in()
    {
        using var others = new TestCertificates();
        await using var rocketMQ = await EmbeddedRocketMQ.StartAsync(
            new() { TlsCertificate = _certificates.Server, RequireTls = true, TlsClientAuthority = _certificates.Authority });
        await using var without = NewRemoting(Trusting());
        await using var foreign = NewRemoting(WithClientCertificate(others.Issue("client"), "pfx"));

        // With TLS 1.3 the client learns of it only after its own side of the handshake.
        await Assert.ThrowsAnyAsync<RocketMQNetworkException>(() => without.InvokeAsync(rocketMQ.NameServerAddress, Route()));
        await Assert.ThrowsAnyAsync<RocketMQNetworkException>(() => foreign.InvokeAsync(rocketMQ.NameServerAddress, Route()));
    }

    [Fact]
    public void Files_that_cannot_be_used_are_named_and_the_password_is_not()
    {
        var missing = Path.Combine(_folder.Path, "missing.pem");
        var empty = Path.Combine(_folder.Path, "empty.pem");
        File.WriteAllText(empty, "nothing");

        AssertBad("Tls.AuthorityFile", missing, new TlsOptions { AuthorityFile = missing });
        AssertBad("Tls.AuthorityFile", empty, new TlsOptions { AuthorityFile = empty });
        AssertBad("Tls.ClientCertificateFile", missing, new TlsOptions { ClientCertificateFile = missing });
        var pfx = WithClientCertificate(_certificates.Issue("client"), "pfx");
        AssertBad("Tls.ClientCertificateFile", pfx.ClientCertificateFile!, pfx with { ClientKeyPassword = "wrong-secret" });

        static void AssertBad(string field, string file, TlsOptions tls)
        {
            var error = Assert.Throws<RocketMQConfigurationException>(() => NewRemoting(tls));
            Assert.Equal(field, error.Field);
            Assert.Equal(file, error.Value);
            Assert.DoesNotContain("wrong-secret", error.ToString(), StringComparison.Ordinal);
        }
    }

    /// <summary>Whoever connects and says nothing must neither hold up others nor the stop.</summary>
    [Fact]
    public async Task A_client_that_never_begins_its_handshake_disturbs_nobody()
    {
        var rocketMQ = await EmbeddedRocketMQ.StartAsync(new() { TlsCertificate = _certificates.Server });
        var name = HostAndPort.Parse(rocketMQ.NameServerAddress);
        using var silent = new System.Net.Sockets.TcpClient();
        await silent.ConnectAsync(name.Host, name.Port);

        await AskAllAsync(rocketMQ, Trusting());
        await rocketMQ.DisposeAsync().AsTask().WithinDeadline();
    }

    private static async Task ServeAsync(TcpListener listener, X509Certificate2 certificate, Action accepted, CancellationToken ending)
    {
        while (!ending.IsCancellationRequested)
        {
            try
            {
                using var client = await listener.AcceptTcpClientAsync(ending);
                accepted();
                await using var stream = new SslStream(client.GetStream());
                await stream.AuthenticateAsServerAsync(certificate);
                await stream.ReadExactlyAsync(new byte[1], ending);
            }
            catch (Exception exception) when (exception is IOException or System.Security.Authentication.AuthenticationException)
            {
                // The client went, which is what it is meant to do.
            }
            catch (OperationCanceledException)
            {
                // The test is over.
            }
        }
    }

    private static async Task AskAllAsync(EmbeddedRocketMQ rocketMQ, TlsOptions? tls)
    {
        rocketMQ.CreateTopic("orders", 1);
        await using var remoting = NewRemoting(tls);
        (await remoting.InvokeAsync(rocketMQ.NameServerAddress, Route())).Succeeded();
        (await remoting.InvokeAsync(rocketMQ.Broker.Address, RemotingCommand.Request(RequestCodes.GetMinOffset).Set("topic", "orders").Set("queueId", 0))).Succeeded();
    }

    private static RemotingClient NewRemoting(TlsOptions? tls)
        => new(new RemotingOptions { Tls = tls, RequestTimeout = TimeSpan.FromSeconds(20), ConnectTimeout = TimeSpan.FromSeconds(20) }, TimeProvider.System, NullLogger.Instance);

    private static RemotingCommand Route() => RemotingCommand.Request(RequestCodes.GetRouteInfoByTopic).Set("topic", "orders");

    private static RemotingCommand Send(byte[] body) => RemotingCommand.Request(RequestCodes.SendMessageV2, body)
        .Set("a", "p").Set("b", "orders").Set("c", "TBW102").Set("d", 4).Set("e", 0).Set("f", 0).Set("g", 0).Set("h", 0).Set("i", string.Empty).Set("j", 0).Set("k", false).Set("m", false);

    private TlsOptions Trusting() => new() { AuthorityFile = _certificates.WriteAuthority(_folder.Path) };

    private TlsOptions WithClientCertificate(X509Certificate2 certificate, string kind)
    {
        const string Password = "the right one";
        var file = Path.Combine(_folder.Path, Path.GetRandomFileName());
        using var key = certificate.GetECDsaPrivateKey()!;
        switch (kind)
        {
            case "pfx":
                File.WriteAllBytes(file, certificate.Export(X509ContentType.Pkcs12, Password));
                return Trusting() with { ClientCertificateFile = file, ClientKeyPassword = Password };

            case "pem with its key":
                File.WriteAllText(file, certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem());
                return Trusting() with { ClientCertificateFile = file };

            default:
                File.WriteAllText(file, certificate.ExportCertificatePem());
                File.WriteAllText(file + ".key", key.ExportEncryptedPkcs8PrivateKeyPem(
                    Password, new(System.Security.Cryptography.PbeEncryptionAlgorithm.Aes256Cbc, System.Security.Cryptography.HashAlgorithmName.SHA256, 1000)));
                return Trusting() with { ClientCertificateFile = file, ClientKeyFile = file + ".key", ClientKeyPassword = Password };
        }
    }
}

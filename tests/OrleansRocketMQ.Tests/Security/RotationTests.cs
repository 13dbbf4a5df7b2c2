using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Security;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Security;

/// <summary>Certificates and access keys change under silos that consume: nothing is lost, nothing comes twice, nothing starts anew.</summary>
public sealed class RotationTests : IDisposable
{
    private static readonly TimeSpan Quick = TimeSpan.FromMilliseconds(50);

    private readonly TestCertificates _old = new();
    private readonly TestCertificates _new = new("The next authority of a test");
    private readonly TestFolder _folder = new();
    private readonly KeepingLog _log = new();
    private readonly ILoggerFactory _loggers;
    private int _sent;

    public RotationTests() => _loggers = LoggerFactory.Create(logging => logging.AddProvider(_log));

    public void Dispose()
    {
        _loggers.Dispose();
        _old.Dispose();
        _new.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_new_client_certificate_is_shown_when_the_files_change_and_consuming_goes_on()
    {
        await using var test = await TestRocketMQ.StartAsync(
            options: TestRocketMQ.QuickRetries with { TlsCertificate = _old.Server, TlsClientAuthority = _old.Authority });
        var files = new MountedSecret(_folder.Path);
        files.Write(("tls.crt", _old.Issue("silo")));
        // Written once: the silos read it at the same time.
        var authority = _old.WriteAuthority(_folder.Path);
        await using var cluster = await ConsumeAsync(test, options =>
        {
            options.UseTls = true;
            options.TlsAuthorityFile = authority;
            options.TlsClientCertificateFile = files.PathOf("tls.crt");
        });
        await SendAndReceiveAsync(test);

        // The brokers do not trust the new one yet: connections that are there go on, and are replaced when they do.
        files.Write(("tls.crt", _new.Issue("silo")));
        await UntilLoggedAsync("Certificates changed and were read again");
        await UntilLoggedAsync("goes on with the certificates from before");
        await SendAndReceiveAsync(test);
        test.Embedded.SetCertificates(_old.Server, _new.Authority);
        await SendAndReceiveAsync(test);
        test.Broker.CloseConnections();
        test.Embedded.NameServer.CloseConnections();
        await SendAndReceiveAsync(test);

        AssertAllOnce(test);
    }

    [Fact]
    public async Task New_authorities_are_trusted_when_their_file_changes_and_consuming_goes_on()
    {
        await using var test = await TestRocketMQ.StartAsync(options: TestRocketMQ.QuickRetries with { TlsCertificate = _old.Server });
        var authority = _old.WriteAuthority(_folder.Path);
        await using var cluster = await ConsumeAsync(test, options =>
        {
            options.UseTls = true;
            options.TlsAuthorityFile = authority;
        });
        await SendAndReceiveAsync(test);

        await File.AppendAllTextAsync(authority, "\n" + _new.Authority.ExportCertificatePem());
        await UntilLoggedAsync("Certificates changed and were read again");
        test.Embedded.SetCertificates(_new.Server);
        test.Broker.CloseConnections();
        test.Embedded.NameServer.CloseConnections();
        await SendAndReceiveAsync(test);

        AssertAllOnce(test);
    }

    [Fact]
    public async Task A_new_access_key_signs_the_next_request_and_none_is_refused()
    {
        await using var test = await TestRocketMQ.StartAsync(options: TestRocketMQ.QuickRetries with
        {
            Accounts = new Dictionary<string, string> { ["old"] = "old-secret", ["new"] = "new-secret" },
        });
        var keysSeen = Watch(test);
        var file = WriteKeys("old", "old-secret");
        await using var client = PatientClient(test, file);
        await using var producer = PatientClients.Producer(client, "p");
        await using var cluster = await ConsumeAsync(test, options => options.CredentialsFile = file);
        await SendAndReceiveAsync(test, producer);

        WriteKeys("new", "new-secret");
        await Eventually.TrueAsync(() => _log.Count("Access keys changed and were read again") == 3, "producer and silos read the new keys");
        await SendAndReceiveAsync(test, producer);
        Assert.All(keysSeen.TakeLast(40), key => Assert.Equal("new", key));
        test.Embedded.SetAccounts(new Dictionary<string, string> { ["new"] = "new-secret" });
        await SendAndReceiveAsync(test, producer);

        AssertAllOnce(test);
        Assert.Equal(0, _log.Count("is not found."));
        Assert.Equal(0, _log.Count("check signature failed."));
    }

    [Fact]
    public async Task A_broken_file_leaves_the_key_from_before_and_is_told_once_without_the_secret()
    {
        await using var test = await TestRocketMQ.StartAsync(
            options: TestRocketMQ.QuickRetries with { Accounts = new Dictionary<string, string> { ["old"] = "old-secret" } });
        var file = WriteKeys("old", "old-secret");
        await using var client = PatientClient(test, file);
        await using var producer = PatientClients.Producer(client, "p");
        await using var cluster = await ConsumeAsync(test, options => options.CredentialsFile = file, silos: 1);

        await File.WriteAllTextAsync(file, "secretKey: half-a-secr");
        await Eventually.TrueAsync(
            () => _log.Count("Access keys changed and cannot be used, those from before stay") == 2, "producer and silo tell of it");
        await SendAndReceiveAsync(test, producer);
        Assert.Equal(2, _log.Count("Access keys changed and cannot be used, those from before stay"));
        var report = await cluster.Silos.GetSiloServiceProvider(cluster.Silos.Silos[0].SiloAddress)
            .GetRequiredService<HealthCheckService>().CheckHealthAsync(check => check.Tags.Contains("ready"));

        Assert.Equal(HealthStatus.Degraded, report.Status);
        Assert.Contains("Access keys changed and cannot be used", Assert.Single(report.Entries).Value.Description, StringComparison.Ordinal);
        Assert.Equal(0, _log.Count("half-a-secr"));
        Assert.Equal(0, _log.Count("old-secret"));
        AssertAllOnce(test);
    }

    private Task<TestCluster> ConsumeAsync(TestRocketMQ test, Action<RocketMQOptions> setUp, short silos = 2) => test.ConsumeAsync(
        silos: silos,
        setUp: options =>
        {
            options.FileReloadInterval = Quick;
            setUp(options);
        },
        prepare: builder =>
        {
            builder.Services.AddLogging(logging => logging.AddProvider(_log).AddFilter<KeepingLog>(null, LogLevel.Information));
            builder.Services.AddHealthChecks().AddRocketMQ();
        });

    private async Task SendAndReceiveAsync(TestRocketMQ test, Producer? producer = null)
    {
        for (var end = _sent + 40; _sent < end; _sent++)
        {
            await (producer ?? test.Producer).SendAsync(new Message(TestRocketMQ.Topic, Encoding.UTF8.GetBytes($"{_sent}")));
        }

        await test.UntilAllCameAsync(_sent);
    }

    private void AssertAllOnce(TestRocketMQ test) => Assert.Equal(TestRocketMQ.Numbers(_sent), test.Recorder.Bodies.Order());

    private Task UntilLoggedAsync(string text) => Eventually.TrueAsync(() => _log.Count(text) > 0, $"'{text}' in the log");

    private string WriteKeys(string accessKey, string secretKey)
    {
        var file = Path.Combine(_folder.Path, "keys.yml");
        File.WriteAllText(file, $"accessKey: {accessKey}\nsecretKey: {secretKey}\n");
        return file;
    }

    private RocketMQClient PatientClient(TestRocketMQ test, string credentials)
    {
        var client = new RocketMQClient(
            new RocketMQClientOptions
            {
                NameServerAddresses = [test.Embedded.NameServerAddress],
                ClientId = "127.0.0.1@rotating",
                Remoting = new RemotingOptions
                {
                    CredentialsFile = credentials,
                    FileReloadInterval = Quick,
                    RequestTimeout = PatientClients.RequestTimeout,
                },
            },
            _loggers);
        client.Start();
        return client;
    }

    // Sees every request and disturbs none.
    private static ConcurrentQueue<string?> Watch(TestRocketMQ test)
    {
        var keys = new ConcurrentQueue<string?>();
        test.Faults.Inject(Fault.NoAnswer() with
        {
            When = target =>
            {
                keys.Enqueue(target.Request[AclSigner.AccessKeyField]);
                return false;
            },
        });
        return keys;
    }

    /// <summary>A folder as Kubernetes mounts a secret: files are links into a folder that is itself a link, which is turned.</summary>
    private sealed class MountedSecret(string folder)
    {
        private const string Link = "..data";
        private int _versions;

        public string PathOf(string name) => Path.Combine(folder, name);

        public void Write(params (string Name, X509Certificate2 Certificate)[] files)
        {
            var version = Directory.CreateDirectory(Path.Combine(folder, $"..{++_versions}")).FullName;
            foreach (var (name, certificate) in files)
            {
                using var key = certificate.GetECDsaPrivateKey()!;
                File.WriteAllText(
                    Path.Combine(version, name), certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem());
                if (!File.Exists(PathOf(name)))
                {
                    File.CreateSymbolicLink(PathOf(name), Path.Combine(Link, name));
                }
            }

            // Kubernetes turns it in one step, which .NET cannot; here it is away for a moment as well.
            File.Delete(PathOf(Link));
            File.CreateSymbolicLink(PathOf(Link), version);
        }
    }
}

using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost.Security;

/// <summary>Secrets stay with whom they were told: no line of a log, at any level, and no answer holds one.</summary>
public sealed class SecretTests
{
    private const string Topic = "OrleansRocketMQ_Demo";
    private const string AccessKey = "an-account-for-tests";
    private const string SecretKey = "s3cret-of-the-account-5521";
    private const string Token = "t0ken-of-the-account-8830";
    private const string Act = "s3cret-of-operators-7718";
    private const string View = "s3cret-of-viewers-4402";

    [Fact]
    public async Task A_host_that_consumes_tells_its_secrets_to_no_log_and_no_caller()
    {
        await using var embedded = await StartBrokerAsync(SecretKey);
        await using var host = Start(embedded);
        await host.UntilReadinessTellsAsync("Healthy");

        var answers = await AnswersAsync(host);

        AssertKept(host, answers);
        Assert.Contains(Topic, answers, StringComparison.Ordinal);
        await host.Program.StopAsync();
        AssertKept(host, answers);
    }

    [Fact]
    public async Task A_host_whose_broker_refuses_it_says_so_without_its_secrets()
    {
        await using var embedded = await StartBrokerAsync("another");
        await using var host = Start(embedded);
        await Eventually.TrueAsync(() => host.Program.Everything.Contains("check signature failed.", StringComparison.Ordinal), "the refusal is told");

        AssertKept(host, await AnswersAsync(host));
    }

    [Theory]
    [InlineData("silo-host-adonet", "AdoNet", "Host=127.0.0.1;Port=1;Username=silo;Password={0};Timeout=2", "--Orleans:Clustering:Invariant=Npgsql")]
    [InlineData("silo-host-redis", "Redis", "127.0.0.1:1,password={0},connectTimeout=500,abortConnect=true")]
    public async Task A_store_that_does_not_answer_is_told_of_without_its_password(string program, string provider, string connection, params string[] more)
    {
        const string Password = "p4ssword-of-the-store-9917";
        await using var host = SiloHostProgram.Start(
            program,
            ["--Logging:LogLevel:Default=Trace", $"--Orleans:Clustering:ProviderType={provider}", "--Demo:Enabled=false", .. more],
            ("Orleans__Clustering__ConnectionString", string.Format(null, connection, Password)));

        var exitCode = await host.Program.UntilEndedAsync();

        Assert.NotEqual(0, exitCode);
        Assert.NotEmpty(host.Program.Errors);
        Assert.DoesNotContain(Password, host.Program.Everything, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_key_that_cannot_be_opened_is_told_of_without_its_password()
    {
        const string Password = "p4ssword-of-the-key-3341";
        using var certificates = new TestCertificates();
        using var folder = new TestFolder();
        var file = folder.In("client.pfx");
        await File.WriteAllBytesAsync(file, certificates.Server.Export(X509ContentType.Pkcs12, "another"));

        var (exitCode, program) = await SiloHostProgram.RunAsync(
            "--Logging:LogLevel:Default=Trace", "--RocketMQ:NameServer=127.0.0.1:1", "--RocketMQ:UseTls=true",
            $"--RocketMQ:TlsClientCertificateFile={file}", $"--RocketMQ:TlsClientKeyPassword={Password}");

        Assert.NotEqual(0, exitCode);
        Assert.Contains(file, program.Everything, StringComparison.Ordinal);
        Assert.DoesNotContain(Password, program.Everything, StringComparison.Ordinal);
    }

    private static async Task<EmbeddedRocketMQ> StartBrokerAsync(string secretKey)
    {
        var embedded = await EmbeddedRocketMQ.StartAsync(new() { Accounts = new Dictionary<string, string> { [AccessKey] = secretKey } });
        embedded.CreateTopic(Topic, 4);
        return embedded;
    }

    private static SiloHostProgram Start(EmbeddedRocketMQ embedded) => SiloHostProgram.Start(
        ["--Logging:LogLevel:Default=Trace", $"--RocketMQ:NameServer={embedded.NameServerAddress}", "--Demo:Rate=20"],
        ("RocketMQ__AccessKey", AccessKey),
        ("RocketMQ__SecretKey", SecretKey),
        ("RocketMQ__SecurityToken", Token),
        ("DASHBOARD__VIEWSECRET", View),
        ("DASHBOARD__ACTSECRET", Act));

    /// <summary>All that callers with every right are told, as one text.</summary>
    private static async Task<string> AnswersAsync(SiloHostProgram host)
    {
        using var http = new HttpClient { BaseAddress = new Uri(host.Url), DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", Act) } };
        var answers = new List<string>();
        foreach (var path in new[]
        {
            "dashboard/api/status", "dashboard/api/session", $"dashboard/api/groups/{Topic}/dead-letters",
            $"dashboard/api/groups/{Topic}/parked", "metrics", "health/ready", "health/live",
        })
        {
            using var answer = await http.GetAsync(new Uri(path, UriKind.Relative));
            answers.Add(await answer.Content.ReadAsStringAsync());
        }

        return string.Join('\n', answers);
    }

    private static void AssertKept(SiloHostProgram host, string answers)
    {
        foreach (var secret in new[] { SecretKey, Token, View, Act })
        {
            Assert.DoesNotContain(secret, host.Program.Everything, StringComparison.Ordinal);
            Assert.DoesNotContain(secret, answers, StringComparison.Ordinal);
        }
    }
}

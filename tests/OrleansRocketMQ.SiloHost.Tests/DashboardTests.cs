using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost;

/// <summary>Who may see silo-host's dashboard, and who may act with it.</summary>
public sealed class DashboardTests
{
    private const string See = "only-to-look-at-0123456789";
    private const string Act = "to-pause-and-seek-0123456789";
    private const string Pause = "api/groups/OrleansRocketMQ_Demo/actions/pause";

    [Fact]
    public async Task With_secrets_one_lets_callers_see_and_the_other_act_and_neither_is_logged()
    {
        await using var host = SiloHostProgram.Start(["--Logging:LogLevel:Microsoft.AspNetCore=Debug", "--Logging:LogLevel:OrleansRocketMQ.Dashboard=Information", "--Logging:LogLevel:OrleansRocketMQ.SiloHost=Debug"], ("DASHBOARD__VIEWSECRET", See), ("DASHBOARD__ACTSECRET", Act));
        using var nobody = await OpenAsync(host, null);

        foreach (var secret in new[] { null, "to-pause-and-seek-012345678", string.Empty })
        {
            using var http = Client(host, secret is null ? null : Basic("mallory", secret));
            using var refused = await http.GetAsync(new Uri("api/status", UriKind.Relative));
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
            Assert.StartsWith("Basic realm=", refused.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
        }

        using var viewer = Client(host, Basic("vera", See));
        Assert.False((await viewer.GetFromJsonAsync<JsonElement>("api/session")).TryGetProperty("canAct", out _));
        Assert.True((await viewer.GetFromJsonAsync<JsonElement>("api/session")).TryGetProperty("showBodies", out _));
        using var viewed = await viewer.PostAsJsonAsync(Pause, new { });
        Assert.Equal(HttpStatusCode.Forbidden, viewed.StatusCode);

        foreach (var credentials in new[] { Basic("olga", Act), new("Bearer", Act) })
        {
            using var operates = Client(host, credentials);
            var session = await operates.GetFromJsonAsync<JsonElement>("api/session");
            using var forged = await operates.PostAsJsonAsync(Pause, new { });
            Assert.Equal(HttpStatusCode.BadRequest, forged.StatusCode);
            operates.DefaultRequestHeaders.Add(session.GetProperty("tokenHeader").GetString()!, session.GetProperty("token").GetString());
            using var paused = await operates.PostAsJsonAsync(Pause, new { });
            Assert.True(paused.IsSuccessStatusCode, await paused.Content.ReadAsStringAsync());
        }

        using var health = await nobody.GetAsync(new Uri("/health/live", UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);
        await Eventually.TrueAsync(() => host.Program.Everything.Contains("olga asks for pause of group OrleansRocketMQ_Demo", StringComparison.Ordinal), "who acts is logged");
        Assert.DoesNotContain(See, host.Program.Everything, StringComparison.Ordinal);
        Assert.DoesNotContain(Act, host.Program.Everything, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToBase64String(Encoding.UTF8.GetBytes($"olga:{Act}")), host.Program.Everything, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_secrets_this_machine_sees_and_nobody_acts()
    {
        await using var host = SiloHostProgram.Start();
        using var http = await OpenAsync(host, null);

        using var status = await http.GetAsync(new Uri("api/status", UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, status.StatusCode);
        using var forwarded = new HttpRequestMessage(HttpMethod.Get, "api/status") { Headers = { { "Via", "1.1 proxy" } } };
        using var refused = await http.SendAsync(forwarded);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        using var act = await http.PostAsJsonAsync(Pause, new { });
        Assert.Equal(HttpStatusCode.Forbidden, act.StatusCode);
    }

    [Theory]
    [InlineData("Dashboard:ActSecret", "short", "16 to 256 characters")]
    [InlineData("Dashboard:ViewSecret", "short", "16 to 256 characters")]
    [InlineData("Dashboard:ActSecert", "a-misspelt-0123456789", "no such setting, but one of ViewSecret, ActSecret")]
    public async Task A_wrong_secret_is_named_and_not_shown(string field, string value, string expected)
    {
        foreach (var check in new[] { Array.Empty<string>(), ["--check"] })
        {
            var (exitCode, program) = await SiloHostProgram.RunAsync([.. check, $"--{field}={value}"]);

            Assert.Equal(2, exitCode);
            Assert.Contains(field, program.Everything, StringComparison.Ordinal);
            Assert.Contains(expected, program.Everything, StringComparison.Ordinal);
            Assert.DoesNotContain(value, program.Everything, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Secrets_are_asked_of_other_machines_by_https_alone()
    {
        await using var host = SiloHostProgram.Start([], ("DASHBOARD__ACTSECRET", Act), ("ASPNETCORE_FORWARDEDHEADERS_ENABLED", "true"));
        using var http = await OpenAsync(host, null);

        using var asked = await http.SendAsync(Forwarded("http"));
        Assert.Equal(HttpStatusCode.Forbidden, asked.StatusCode);
        Assert.Empty(asked.Headers.WwwAuthenticate);
        http.DefaultRequestHeaders.Authorization = Basic("olga", Act);
        using var told = await http.SendAsync(Forwarded("http"));
        Assert.Equal(HttpStatusCode.Forbidden, told.StatusCode);
        using var encrypted = await http.SendAsync(Forwarded("https"));
        Assert.Equal(HttpStatusCode.OK, encrypted.StatusCode);

        static HttpRequestMessage Forwarded(string scheme) => new(HttpMethod.Get, "api/status")
        {
            Headers = { { "X-Forwarded-For", "192.0.2.7" }, { "X-Forwarded-Proto", scheme } },
        };
    }

    [Fact]
    public async Task With_a_secret_and_nothing_but_plain_http_towards_others_it_does_not_start()
    {
        string[] open = [$"--Dashboard:ActSecret={Act}", "--Urls=http://0.0.0.0:8099"];
        foreach (var check in new[] { Array.Empty<string>(), ["--check"] })
        {
            var (exitCode, program) = await SiloHostProgram.RunAsync([.. check, .. open]);

            Assert.Equal(2, exitCode);
            Assert.Contains("Dashboard:RequireHttps", program.Everything, StringComparison.Ordinal);
            Assert.Contains("http://0.0.0.0:8099", program.Everything, StringComparison.Ordinal);
            Assert.DoesNotContain(Act, program.Everything, StringComparison.Ordinal);
        }

        foreach (var said in new[] { "--Dashboard:RequireHttps=false", "--Urls=http://0.0.0.0:8099;https://0.0.0.0:8443", "--Urls=http://0.0.0.0:8099;http://127.0.0.1:8098" })
        {
            var (exitCode, program) = await SiloHostProgram.RunAsync(["--check", .. open, said]);
            Assert.True(exitCode == 0, $"{said}: {program.Everything}");
        }
    }

    [Fact]
    public async Task It_serves_https_with_the_certificate_it_is_given()
    {
        using var certificates = new TestCertificates();
        using var folder = new TestFolder();
        await File.WriteAllTextAsync(folder.In("server.pem"), certificates.Server.ExportCertificatePem());
        await File.WriteAllTextAsync(folder.In("server.key"), certificates.Server.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        var url = $"https://127.0.0.1:{FreePorts.Take(1)[0]}";
        await using var host = SiloHostProgram.Start(
            [$"--Urls={url}", $"--Kestrel:Certificates:Default:Path={folder.In("server.pem")}", $"--Kestrel:Certificates:Default:KeyPath={folder.In("server.key")}"],
            ("DASHBOARD__VIEWSECRET", See));
        using var trusting = new HttpClientHandler
        {
            ServerCertificateCustomValidationCallback = (_, shown, _, _) => shown?.Thumbprint == certificates.Server.Thumbprint,
        };
        using var http = new HttpClient(trusting) { BaseAddress = new Uri($"{url}/dashboard/"), DefaultRequestHeaders = { Authorization = Basic("vera", See) } };

        await UntilReadyAsync(http);
        using var status = await http.GetAsync(new Uri("api/status", UriKind.Relative));

        Assert.Equal(HttpStatusCode.OK, status.StatusCode);
    }

    [Theory]
    [InlineData("Dashboard:MaxBodyBytes", "-1")]
    [InlineData("Dashboard:RequireHttps", "perhaps")]
    [InlineData("Dashboard:RefreshInterval", "00:00:00.1")]
    [InlineData("Dashboard:ShowBodies", "perhaps")]
    public async Task A_wrong_setting_is_named(string field, string value)
    {
        var (exitCode, program) = await SiloHostProgram.RunAsync($"--{field}={value}");

        Assert.Equal(2, exitCode);
        Assert.Contains(field, Assert.Single(program.Errors), StringComparison.Ordinal);
    }

    private static AuthenticationHeaderValue Basic(string name, string secret) => new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{name}:{secret}")));

    private static HttpClient Client(SiloHostProgram host, AuthenticationHeaderValue? credentials)
        => new() { BaseAddress = new Uri($"{host.Url}/dashboard/"), DefaultRequestHeaders = { Authorization = credentials } };

    /// <summary>A client, once the host answers.</summary>
    private static async Task<HttpClient> OpenAsync(SiloHostProgram host, AuthenticationHeaderValue? credentials)
    {
        var http = Client(host, credentials);
        await UntilReadyAsync(http);
        return http;
    }

    private static Task UntilReadyAsync(HttpClient http) => Eventually.TrueAsync(
        async () =>
        {
            try
            {
                using var response = await http.GetAsync(new Uri("/health/ready", UriKind.Relative));
                return response.IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        },
        "the host is ready");
}

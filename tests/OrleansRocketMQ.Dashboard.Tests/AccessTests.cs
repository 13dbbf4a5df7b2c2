using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;

namespace OrleansRocketMQ.Dashboard.Tests;

public sealed class AccessTests
{
    [Fact]
    public async Task Without_a_policy_only_this_machine_is_answered()
    {
        await using var host = await DashboardHost.StartAsync();
        Assert.Equal(HttpStatusCode.OK, await StatusOf(host));
        foreach (var path in new[] { "", "app.js", "api/status", "api/session" })
        {
            Assert.Equal(HttpStatusCode.Forbidden, await StatusOf(host, path, (DashboardHost.RemoteHeader, "192.0.2.7")));
            Assert.Equal(HttpStatusCode.Forbidden, await StatusOf(host, path, ("Host", "rebound.example")));
            Assert.Equal(HttpStatusCode.Forbidden, await StatusOf(host, path, ("X-Forwarded-For", "192.0.2.7")));
        }

        Assert.Equal(HttpStatusCode.OK, await StatusOf(host, "", ("Host", "localhost:8080")));
        Assert.Equal(HttpStatusCode.OK, await StatusOf(host, "", ("Host", "[::1]:8080")));
    }

    [Fact]
    public async Task Without_a_policy_what_came_through_a_proxy_is_refused()
    {
        await using var host = await DashboardHost.StartAsync();
        foreach (var header in new[]
        {
            ("Via", "1.1 proxy"), ("Forwarded", "for=192.0.2.7"), ("X-Real-IP", "192.0.2.7"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Port", "443"),
            ("X-Forwarded-Prefix", "/ops"), ("X-Original-For", "127.0.0.1:4711"), ("X-Original-Host", "localhost"), ("X-Envoy-External-Address", "192.0.2.7"),
            ("X-Envoy-Expected-Rq-Timeout-Ms", "15000"), ("x-request-id", "5"), ("True-Client-IP", "192.0.2.7"), ("CF-Ray", "1"), ("X-B3-TraceId", "1"),
            ("Origin", "https://ops.example"), ("Referer", "https://ops.example/dashboard/"), (DashboardHost.RemoteHeader, "127.0.0.6"),
        })
        {
            Assert.True(await StatusOf(host, "api/status", header) == HttpStatusCode.Forbidden, $"{header} is answered");
        }

        using var old = new HttpRequestMessage(HttpMethod.Get, "api/status") { Version = HttpVersion.Version10, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        using var answer = await host.Http.SendAsync(old);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Equal(HttpStatusCode.OK, await StatusOf(host, "api/status", ("Origin", host.Page[..host.Page.IndexOf("/dashboard", StringComparison.Ordinal)])));
        Assert.Equal(HttpStatusCode.OK, await StatusOf(host, "api/status", (DashboardHost.RemoteHeader, "::ffff:127.0.0.1")));
    }

    [Theory]
    [InlineData(null, false, false)]
    [InlineData(null, true, true)]
    [InlineData(true, false, true)]
    [InlineData(false, true, false)]
    public async Task Bodies_are_shown_when_there_is_a_view_policy_or_when_they_are_switched_on(bool? showBodies, bool hasPolicy, bool areShown)
    {
        await using var host = await DashboardHost.StartAsync(
            options => (options.ShowBodies, options.ViewPolicy) = (showBodies, hasPolicy ? DashboardHost.Policy : null), everybodyOperates: true);

        var session = await host.Http.GetFromJsonAsync<JsonElement>("api/session");

        Assert.Equal(areShown, session.TryGetProperty("showBodies", out _));
    }

    [Fact]
    public async Task What_a_refused_caller_wrote_begins_no_line_of_its_own_in_the_log()
    {
        await using var host = await DashboardHost.StartAsync();

        using var refused = await host.Http.PostAsync("api/groups/a%0Aadmin%20did%20it%1B%5B31m%E2%80%A8/actions/b%0D%0Ac", null);

        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        var line = Assert.Single(host.Log.Lines, line => line.Contains("may not do", StringComparison.Ordinal));
        Assert.Contains("may not do b??c to group a?admin did it?[31m? at the dashboard", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_a_view_policy_other_machines_are_answered_when_it_allows_them()
    {
        await using var host = await DashboardHost.StartAsync(options => options.ViewPolicy = DashboardHost.Policy);
        (string, string) elsewhere = (DashboardHost.RemoteHeader, "192.0.2.7");
        (string, string) encrypted = (DashboardHost.SchemeHeader, "https");
        Assert.Equal(HttpStatusCode.OK, await StatusOf(host, "", elsewhere, encrypted, ("Host", "silo.example"), (DashboardHost.OperatorHeader, "yes")));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusOf(host, "", elsewhere, encrypted));
    }

    [Theory]
    [InlineData("192.0.2.7", "http", true, HttpStatusCode.Forbidden)]
    [InlineData("192.0.2.7", "https", true, HttpStatusCode.OK)]
    [InlineData("192.0.2.7", "http", false, HttpStatusCode.OK)]
    [InlineData("127.0.0.1", "http", true, HttpStatusCode.OK)]
    [InlineData("::ffff:192.0.2.7", "http", true, HttpStatusCode.Forbidden)]
    public async Task Other_machines_are_answered_by_https_unless_it_is_said_otherwise(string from, string scheme, bool required, HttpStatusCode expected)
    {
        await using var host = await DashboardHost.StartAsync(
            options => (options.ViewPolicy, options.RequireHttps) = (DashboardHost.Policy, required), everybodyOperates: true);

        foreach (var path in new[] { "", "app.js", "api/status", "api/session" })
        {
            Assert.Equal(expected, await StatusOf(host, path, (DashboardHost.RemoteHeader, from), (DashboardHost.SchemeHeader, scheme)));
        }
    }

    [Theory]
    [InlineData("http://192.0.2.7:8080", false)]
    [InlineData("http://*:8080;http://[::]:8081", false)]
    [InlineData("http://silo.example:8080", false)]
    [InlineData("http://127.0.0.1:8080", true)]
    [InlineData("http://localhost:8080", true)]
    [InlineData("http://unix:/run/silo.sock", true)]
    [InlineData("https://*:8443", true)]
    [InlineData("http://*:8080;https://*:8443", true)]
    [InlineData("http://*:8080;http://[::1]:8081", true)]
    public void Addresses_that_give_other_machines_nothing_but_plain_http_are_refused(string addresses, bool areTaken)
    {
        var options = new RocketMQDashboardOptions { ViewPolicy = DashboardHost.Policy };
        var all = addresses.Split(';');

        var error = Record.Exception(() => options.CheckAddresses(all));

        Assert.Equal(areTaken ? null : nameof(options.RequireHttps), (error as RocketMQConfigurationException)?.Field);
        options.RequireHttps = false;
        options.CheckAddresses(all);
        (options.RequireHttps, options.ViewPolicy) = (true, null);
        options.CheckAddresses(all);
    }

    [Fact]
    public async Task A_host_whose_dashboard_others_reach_by_plain_http_alone_does_not_start()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseServer(new ListeningServer("http://0.0.0.0:8080"));
        builder.Services.AddRocketMQDashboard(options => options.ViewPolicy = DashboardHost.Policy);
        await using var app = builder.Build();

        var error = await Assert.ThrowsAsync<RocketMQConfigurationException>(() => app.StartAsync());

        Assert.Contains("http://0.0.0.0:8080", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_an_action_policy_actions_are_refused_and_the_refusal_is_logged()
    {
        await using var host = await DashboardHost.StartAsync();
        await host.ReadyAsync();
        using var refused = await host.ActAsync("pause", "{}", withToken: false);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Empty((await host.Management.GetFlowAsync()).Paused);
        Assert.Contains(host.Log.Lines, line => line.Contains("may not do pause", StringComparison.Ordinal));
        Assert.False((await host.Http.GetFromJsonAsync<JsonElement>("api/session")).TryGetProperty("canAct", out _));
    }

    [Fact]
    public async Task An_action_needs_the_policy_the_token_and_its_own_origin_and_then_pauses_the_group()
    {
        await using var host = await DashboardHost.StartAsync(options => options.ActionPolicy = DashboardHost.Policy);
        await host.ReadyAsync();

        using var stranger = await host.ActAsync("pause", "{}", change: request => request.Headers.Remove(DashboardHost.OperatorHeader));
        Assert.Equal(HttpStatusCode.Forbidden, stranger.StatusCode);
        using var noToken = await host.ActAsync("pause", "{}", withToken: false);
        Assert.Equal(HttpStatusCode.BadRequest, noToken.StatusCode);
        using var crossSite = await host.ActAsync("pause", "{}", change: request => request.Headers.Add("Sec-Fetch-Site", "cross-site"));
        Assert.Equal(HttpStatusCode.BadRequest, crossSite.StatusCode);
        using var otherOrigin = await host.ActAsync("pause", "{}", change: request => request.Headers.Add("Origin", "http://evil.example"));
        Assert.Equal(HttpStatusCode.Forbidden, otherOrigin.StatusCode);
        Assert.Empty((await host.Management.GetFlowAsync()).Paused);

        using var allowed = await host.ActAsync("pause", "{}");
        Assert.Equal(HttpStatusCode.OK, allowed.StatusCode);
        Assert.Equal(ConsumerScope.Everything, Assert.Single((await host.Management.GetFlowAsync()).Paused));
        Assert.Contains(host.Log.Lines, line => line.StartsWith("127.0.0.1 asks for pause of group billing", StringComparison.Ordinal));
        await Eventually.TrueAsync(async () => (await host.GroupAsync()).TryGetProperty("isPaused", out _), "the page knows");
    }

    [Fact]
    public async Task Actions_reach_the_group_and_wrong_ones_are_explained()
    {
        await using var host = await DashboardHost.StartAsync(options => options.ActionPolicy = DashboardHost.Policy);
        await host.ReadyAsync();
        using var limited = await host.ActAsync("limit", """{"topic":"orders","messagesPerSecond":7.5}""");
        Assert.Equal(HttpStatusCode.OK, limited.StatusCode);
        Assert.Equal(7.5, (await host.Management.GetFlowAsync()).RateLimits["orders"]);

        foreach (var (action, json, status) in new[]
        {
            ("limit", """{"topic":"orders","messagesPerSecond":-1}""", HttpStatusCode.BadRequest),
            ("pause", """{"topic":"unknown"}""", HttpStatusCode.BadRequest),
            ("seek", """{"target":"sideways"}""", HttpStatusCode.BadRequest),
            ("move", """{"topic":"orders"}""", HttpStatusCode.BadRequest),
            ("pause", "no json", HttpStatusCode.BadRequest),
            ("explode", "{}", HttpStatusCode.NotFound),
        })
        {
            using var answer = await host.ActAsync(action, json);
            Assert.True(answer.StatusCode == status, $"{action} {json}: {answer.StatusCode}");
            Assert.NotEmpty((await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("error").GetString()!);
        }
    }

    private static async Task<HttpStatusCode> StatusOf(DashboardHost host, string path = "", params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var response = await host.Http.SendAsync(request);
        return response.StatusCode;
    }
}

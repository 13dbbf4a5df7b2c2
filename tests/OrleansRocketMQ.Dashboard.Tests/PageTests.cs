using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Dashboard.Actions;
using OrleansRocketMQ.Dashboard.Feed;

namespace OrleansRocketMQ.Dashboard.Tests;

public sealed class PageTests
{
    [Fact]
    public async Task Files_allow_nothing_from_elsewhere_and_are_not_sent_twice()
    {
        await using var host = await DashboardHost.StartAsync();
        foreach (var (path, type) in new[] { ("", "text/html"), ("app.css", "text/css"), ("app.js", "text/javascript") })
        {
            using var first = await host.Http.GetAsync(path);
            Assert.Equal(type, first.Content.Headers.ContentType?.MediaType);
            var policy = Assert.Single(first.Headers.GetValues("Content-Security-Policy"));
            Assert.StartsWith("default-src 'none'; script-src 'self'", policy, StringComparison.Ordinal);
            Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
            Assert.Equal("nosniff", Assert.Single(first.Headers.GetValues("X-Content-Type-Options")));

            using var again = new HttpRequestMessage(HttpMethod.Get, path);
            again.Headers.IfNoneMatch.Add(EntityTagHeaderValue.Parse(first.Headers.ETag!.ToString()));
            using var second = await host.Http.SendAsync(again);
            Assert.Equal(HttpStatusCode.NotModified, second.StatusCode);
        }

        using var withoutSlash = await host.Http.GetAsync(host.Page.TrimEnd('/'));
        Assert.Equal(host.Page, withoutSlash.RequestMessage!.RequestUri!.ToString());
    }

    [Fact]
    public async Task The_status_is_asked_for_once_for_all_pages()
    {
        await using var host = await DashboardHost.StartAsync(options => options.RefreshInterval = TimeSpan.FromMinutes(1));
        var feed = host.Services.GetRequiredService<StatusFeed>();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => host.Http.GetStringAsync("api/status")));
        Assert.Equal(1, feed.Rounds);
    }

    [Fact]
    public async Task What_was_consumed_shows_in_the_status()
    {
        await using var host = await DashboardHost.StartAsync(options => options.RefreshInterval = TimeSpan.FromMilliseconds(250));
        await host.ReadyAsync();
        await host.SendAsync(20);
        await Eventually.TrueAsync(
            async () => (await host.GroupAsync()).GetProperty("figures").TryGetProperty("consumed", out var consumed) && consumed.GetInt64() == 20, "20 consumed");
        var group = await host.GroupAsync();
        Assert.Equal(DashboardHost.Group, group.GetProperty("name").GetString());
        var silo = Assert.Single(group.GetProperty("silos").EnumerateArray()).GetProperty("name").GetString();
        Assert.All(group.GetProperty("queues").EnumerateArray(), queue => Assert.Equal(silo, queue.GetProperty("silo").GetString()));
        Assert.Contains(group.GetProperty("topics").EnumerateArray(), topic => topic.GetProperty("figures").TryGetProperty("p99Ms", out var p99) && p99.GetDouble() > 0);
        Assert.NotEmpty(group.GetProperty("history").EnumerateArray());
    }

    [Theory]
    [InlineData(true, "text", "<script>alert(1)</script>")]
    [InlineData(false, "hidden", null)]
    public async Task Dead_letters_are_listed_and_their_bodies_shown_unless_hidden(bool showBodies, string format, string? text)
    {
        await using var host = await DashboardHost.StartAsync(
            options => (options.ShowBodies, options.RefreshInterval) = (showBodies, TimeSpan.FromMilliseconds(250)),
            listener: (_, _) => Task.FromResult(ConsumeResult.ReconsumeLater));
        await host.ReadyAsync();
        await host.Producer.SendAsync(new Message(DashboardHost.Topic, Encoding.UTF8.GetBytes("<script>alert(1)</script>"), keys: "k1"));
        JsonElement letter = default;
        await Eventually.TrueAsync(
            async () =>
            {
                var page = await host.Http.GetFromJsonAsync<JsonElement>($"api/groups/{DashboardHost.Group}/dead-letters");
                letter = page.GetProperty("letters").EnumerateArray().FirstOrDefault();
                return letter.ValueKind == JsonValueKind.Object;
            },
            "the dead letter is listed");
        Assert.Equal("k1", letter.GetProperty("keys").GetString());
        Assert.Equal("reconsume_later", letter.GetProperty("cause").GetProperty("errorType").GetString());
        foreach (var (search, found) in new[] { ("RECONSUME", 1), ("nothing like it", 0) })
        {
            var page = await host.Http.GetFromJsonAsync<JsonElement>($"api/groups/{DashboardHost.Group}/dead-letters?text={Uri.EscapeDataString(search)}");
            Assert.Equal(found, page.GetProperty("letters").GetArrayLength());
        }

        var body = await host.Http.GetFromJsonAsync<JsonElement>($"api/groups/{DashboardHost.Group}/dead-letters/{letter.GetProperty("messageId").GetString()}");
        Assert.Equal(format, body.GetProperty("format").GetString());
        Assert.Equal(text ?? string.Empty, body.GetProperty("text").GetString());
    }

    [Fact]
    public void Binary_bodies_become_hexadecimal_and_a_cut_goes_through_no_character()
    {
        Assert.Null(LetterBody.TryText([0x00, 0xff], isCut: false));
        Assert.Equal("00 ff", LetterBody.Hex([0x00, 0xff]));
        Assert.Equal("a", LetterBody.TryText([(byte)'a', 0xe2, 0x82], isCut: true));
        Assert.Null(LetterBody.TryText([(byte)'a', 0xe2, 0x82], isCut: false));
    }

    [Fact]
    public void Options_out_of_range_are_named()
    {
        Assert.Equal("MaxBodyBytes", Wrong(options => options.MaxBodyBytes = -1).Field);
        Assert.Equal("RefreshInterval", Wrong(options => options.RefreshInterval = TimeSpan.Zero).Field);
        Assert.Equal("ViewPolicy", Wrong(options => options.ViewPolicy = " ").Field);
        Assert.Equal("ActionPolicy", Wrong(options => options.ActionPolicy = "").Field);
    }

    private static RocketMQConfigurationException Wrong(Action<RocketMQDashboardOptions> configure)
        => Assert.Throws<RocketMQConfigurationException>(() => new ServiceCollection().AddRocketMQDashboard(configure));
}

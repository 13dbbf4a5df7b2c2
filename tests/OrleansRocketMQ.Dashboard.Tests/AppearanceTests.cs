using System.Globalization;
using Microsoft.Playwright;
using Xunit.Abstractions;

namespace OrleansRocketMQ.Dashboard.Tests;

/// <summary>How the page looks and what it costs with all a group can have.</summary>
public sealed class AppearanceTests(ITestOutputHelper output)
{
    [BrowserFact]
    public async Task A_thousand_queues_cost_the_page_little()
    {
        await using var host = await DashboardHost.StartAsync();
        await using var browser = await OpenPage.OpenAsync(host.Page, ColorScheme.Light, 1280, 900, async page =>
        {
            await PageMeasures.TimeTicksAsync(page);
            await new FakedStatus(queues: 1_000) { MovesPerTick = 20 }.AnswerAsync(page);
        });
        var page = browser.Page;
        var ticks = await PageMeasures.TicksAsync(page, 3);
        var nodes = await PageMeasures.NodesAsync(page);
        ticks = await PageMeasures.TicksAsync(page, 21);
        var updates = ticks[1..21].Order().ToArray();
        var longTasks = await page.EvaluateAsync<double[]>("longTasks");
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {ticks[0]:F1} | {(updates[9] + updates[10]) / 2:F1} | {updates[18]:F1} | {longTasks.Length} | {nodes} |"));

        await Assertions.Expect(page.Locator("#queues tr")).ToHaveCountAsync(50);
        await Assertions.Expect(page.Locator(".chip[title]")).ToHaveCountAsync(1_000);
        await Assertions.Expect(page.Locator("#page")).ToHaveTextAsync("1–50 of 1,000");
        Assert.InRange(nodes, 1_000, 3_000);

        // What moves and changes leaves nothing behind.
        Assert.InRange(await PageMeasures.NodesAsync(page), nodes - 50, nodes + 50);
        await page.Locator("#next").ClickAsync();
        await Assertions.Expect(page.Locator("#page")).ToHaveTextAsync("51–100 of 1,000");
        await page.Locator("#filter").FillAsync("/ 99");
        await Assertions.Expect(page.Locator("#queues tr")).ToHaveCountAsync(11);
        Assert.Empty(browser.Troubles);
    }

    [BrowserFact]
    public async Task All_text_is_readable_in_both_themes_and_nothing_moves_for_those_who_do_not_want_it()
    {
        await using var host = await DashboardHost.StartAsync(options => options.ActionPolicy = DashboardHost.Policy, everybodyOperates: true);
        await using var browser = await OpenPage.OpenAsync(
            host.Page, ColorScheme.Light, 1280, 900, page => new FakedStatus(queues: 60) { MovesPerTick = 4 }.AnswerAsync(page));
        var page = browser.Page;
        await Assertions.Expect(page.Locator("#queues tr")).ToHaveCountAsync(50, new() { Timeout = 30_000 });
        await page.WaitForFunctionAsync("() => document.getAnimations().length > 0");
        await page.EmulateMediaAsync(new() { ReducedMotion = ReducedMotion.Reduce });
        await Assertions.Expect(page.Locator(".chip.arrived").First).ToBeVisibleAsync();
        Assert.Equal(0, await page.EvaluateAsync<int>("document.getAnimations().length"));

        var grounds = new List<string>();
        foreach (var theme in new[] { "light", "dark", "auto" })
        {
            await page.Locator("#theme").ClickAsync();
            await page.Mouse.MoveAsync(0, 0);
            await Assertions.Expect(page.Locator("#theme")).ToHaveTextAsync($"Theme: {theme}");
            grounds.Add(await page.EvaluateAsync<string>("getComputedStyle(document.body).backgroundColor"));
            await ReadableAsync(page, $"{theme} page", atLeast: 700);

            // A dialog, with what the server has against it.
            await page.Locator("#queues tr").First.GetByText("Move…").ClickAsync();
            await page.Locator("#dialog-ok").ClickAsync();
            await Assertions.Expect(page.Locator("#dialog-error")).Not.ToBeEmptyAsync(new() { Timeout = 30_000 });
            await Assertions.Expect(page.Locator("#dialog-ok")).ToBeEnabledAsync();
            await ReadableAsync(page, $"{theme} dialog", atLeast: 700);
            await page.Keyboard.PressAsync("Escape");

            // A failure and a silo that no longer answers.
            await page.Locator("#dead-load").ClickAsync();
            await Assertions.Expect(page.Locator("#notice.bad")).ToBeVisibleAsync(new() { Timeout = 30_000 });
            await page.EvaluateAsync("document.body.classList.add('stale')");
            await ReadableAsync(page, $"{theme} stale page", atLeast: 700);
            await page.EvaluateAsync("document.body.classList.remove('stale')");
        }

        Assert.Equal(["rgb(245, 246, 248)", "rgb(18, 21, 26)", "rgb(245, 246, 248)"], grounds);
    }

    [BrowserFact]
    public async Task A_silo_without_groups_says_so()
    {
        await using var host = await DashboardHost.StartAsync(hasGroup: false);
        await using var browser = await OpenPage.OpenAsync(host.Page, ColorScheme.Dark, 1280, 900);
        await Assertions.Expect(browser.Page.Locator("#empty")).ToContainTextAsync("No consumer groups", new() { Timeout = 30_000 });
        await Assertions.Expect(browser.Page.Locator("#content")).ToBeHiddenAsync();
        await Assertions.Expect(browser.Page.Locator("#connection")).ToHaveTextAsync("live");
        await ReadableAsync(browser.Page, "empty page", atLeast: 5);
        Assert.Empty(browser.Troubles);
    }

    private static async Task ReadableAsync(IPage page, string what, int atLeast)
    {
        var (texts, tooWeak) = await PageMeasures.ContrastAsync(page);
        Assert.True(texts >= atLeast, $"{what}: only {texts} texts");
        Assert.True(tooWeak.Length == 0, $"{what}: {string.Join('\n', tooWeak.Take(20))}");
    }
}

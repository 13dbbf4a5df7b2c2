using Microsoft.Playwright;

namespace OrleansRocketMQ.Dashboard.Tests;

public sealed class BrowserTests
{
    [BrowserFact]
    public async Task The_page_shows_owners_updates_live_and_asks_nobody_else()
    {
        await using var host = await DashboardHost.StartAsync();
        await host.ReadyAsync();
        await using var browser = await OpenAsync(host);
        var page = browser.Page;
        await Assertions.Expect(page.Locator("#queues tr")).ToHaveCountAsync(5, Patience);
        var silo = (await host.GroupAsync()).GetProperty("silos")[0].GetProperty("name").GetString()!.Split('@')[0];
        await Assertions.Expect(page.Locator("#queues tr").First.Locator("td").Nth(1)).ToContainTextAsync(silo);
        await Assertions.Expect(page.Locator(".silo h3")).ToHaveTextAsync(silo);

        // The same row, not a new one, shows what came.
        var row = page.Locator("#topics tr").Filter(new() { HasText = DashboardHost.Topic });
        await row.EvaluateAsync("node => { node.dataset.mark = 'kept'; }");
        await host.SendAsync(40);
        await Assertions.Expect(row.Locator("td").Nth(6)).ToHaveTextAsync("40", new() { Timeout = 30_000 });
        await Assertions.Expect(row).ToHaveAttributeAsync("data-mark", "kept");
        await Assertions.Expect(page.Locator("#group-pause")).ToBeHiddenAsync();

        await browser.PictureAsync("read-only-light");
        Assert.Empty(browser.Troubles);
        Assert.All(browser.Requests, url => Assert.StartsWith(host.Page, url, StringComparison.Ordinal));
    }

    [BrowserFact]
    public async Task The_group_is_paused_by_the_keyboard_alone_in_the_dark_too()
    {
        await using var host = await DashboardHost.StartAsync(options => options.ActionPolicy = DashboardHost.Policy, everybodyOperates: true);
        await host.ReadyAsync();
        await host.SendAsync(200);
        await using var browser = await OpenAsync(host, ColorScheme.Dark);
        var page = browser.Page;
        await Assertions.Expect(page.Locator("#group-pause")).ToHaveTextAsync("Pause group", new() { Timeout = 30_000 });
        for (var presses = 0; presses < 20 && await FocusedAsync(page) != "group-pause"; presses++)
        {
            await page.Keyboard.PressAsync("Tab");
        }

        Assert.Equal("group-pause", await FocusedAsync(page));
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator("#notice")).ToHaveTextAsync("Paused: the whole group.", new() { Timeout = 30_000 });
        await Assertions.Expect(page.Locator("#group-pause")).ToHaveTextAsync("Resume group", new() { Timeout = 30_000 });
        Assert.Equal(ConsumerScope.Everything, Assert.Single((await host.Management.GetFlowAsync()).Paused));
        Assert.Equal("group-pause", await FocusedAsync(page));
        await browser.PictureAsync("actions-dark");
        Assert.Equal("rgb(18, 21, 26)", await page.EvaluateAsync<string>("getComputedStyle(document.body).backgroundColor"));
        Assert.Empty(browser.Troubles);
    }

    [BrowserFact]
    public async Task A_phone_shows_everything_without_scrolling_sideways()
    {
        await using var host = await DashboardHost.StartAsync(options => options.ActionPolicy = DashboardHost.Policy, everybodyOperates: true);
        await host.ReadyAsync();
        await using var browser = await OpenAsync(host, width: 375, height: 812);
        var page = browser.Page;
        await Assertions.Expect(page.Locator("#queues tr")).ToHaveCountAsync(5, Patience);
        Assert.Equal(375, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        await browser.PictureAsync("phone");
        Assert.Empty(browser.Troubles);
    }

    [BrowserFact]
    public async Task A_silo_that_no_longer_answers_is_told()
    {
        await using var host = await DashboardHost.StartAsync();
        await host.ReadyAsync();
        await using var browser = await OpenAsync(host);
        await Assertions.Expect(browser.Page.Locator("#connection")).ToHaveTextAsync("live", new() { Timeout = 30_000 });
        await browser.Page.Context.SetOfflineAsync(true);
        await Assertions.Expect(browser.Page.Locator("#connection")).ToContainTextAsync("connection lost, last data", new() { Timeout = 30_000 });
        await browser.Page.Context.SetOfflineAsync(false);
        await Assertions.Expect(browser.Page.Locator("#connection")).ToHaveTextAsync("live", new() { Timeout = 30_000 });
    }

    private static LocatorAssertionsToHaveCountOptions Patience => new() { Timeout = 30_000 };

    private static Task<string> FocusedAsync(IPage page) => page.EvaluateAsync<string>("document.activeElement.id");

    private static Task<OpenPage> OpenAsync(DashboardHost host, ColorScheme scheme = ColorScheme.Light, int width = 1280, int height = 900)
        => OpenPage.OpenAsync(host.Page, scheme, width, height);
}

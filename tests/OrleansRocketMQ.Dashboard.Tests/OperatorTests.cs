using OrleansRocketMQ.Consumers;
using Microsoft.Extensions.DependencyInjection;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Dashboard.Tests;

/// <summary>What an operator does in the page, and what comes of it in the group.</summary>
public sealed class OperatorTests
{
    private const string Script = "<script>window.hacked = 'body'</script><img src=x onerror=\"window.hacked = 'image'\">";
    private const string Markup = "\"><b id=injected onclick=alert(1)>bold</b><iframe src=//evil.example></iframe>";

    [BrowserFact]
    public async Task An_operator_moves_a_queue_by_keyboard_releases_it_drains_a_silo_and_seeks_back()
    {
        await using var host = await DashboardHost.StartAsync(Acts, everybodyOperates: true, silos: 2);
        await host.ReadyAsync();
        var silos = await SilosAsync(host);
        await using var browser = await OpenPage.OpenAsync(host.Page, ColorScheme.Light, 1280, 900);
        var page = browser.Page;
        await Expect(page.Locator(".silo")).ToHaveCountAsync(2, new() { Timeout = 30_000 });
        var row = page.Locator("#queues tr").Filter(new() { HasText = $"{DashboardHost.Topic} / " }).Filter(new() { HasText = " / 0" });
        var owner = row.Locator("td").Nth(1);
        await Expect(owner).ToHaveTextAsync(new Regex(string.Join('|', silos.Select(silo => Regex.Escape(Short(silo))))), Patient);
        foreach (var silo in silos)
        {
            await Expect(Chips(page, silo)).ToHaveCountAsync(2, new() { Timeout = 30_000 });
        }

        // Moved: the keyboard alone, from the button to the dialog and back.
        var from = await owner.InnerTextAsync();
        var target = silos.Single(silo => Short(silo) != from);
        await row.GetByText("Move…").FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator("#dialog")).ToBeVisibleAsync();
        Assert.Equal("silo", await page.EvaluateAsync<string>("document.activeElement.name"));
        await page.Keyboard.PressAsync(silos[0] == target ? "Home" : "ArrowDown");
        Assert.Equal(target, await page.Locator("#dialog select").InputValueAsync());
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.PressAsync("Enter");
        await Expect(owner).ToHaveTextAsync($"{Short(target)} (pinned)", Patient);
        await Expect(page.Locator("#dialog")).ToBeHiddenAsync();
        Assert.Equal("Move…", await page.EvaluateAsync<string>("document.activeElement.textContent"));
        await Expect(Chips(page, target)).ToHaveCountAsync(3, new() { Timeout = 30_000 });
        await host.SendAsync(8);
        await Eventually.TrueAsync(() => host.Handled.Count >= 8, "all sent are handled");
        var number = host.Handled.Where(message => message.QueueId == 0).Select(message => message.Silo).Distinct().ToArray();
        Assert.NotEqual(Assert.Single(number), Assert.Single(host.Handled.Where(message => message.QueueId != 0).Select(message => message.Silo).Distinct().Except(number)));

        // Released: the strategy decides again.
        await row.GetByText("Move…").ClickAsync();
        await Expect(page.Locator("#dialog select option").First).ToHaveTextAsync("wherever the strategy says");
        await page.Locator("#dialog-ok").ClickAsync();
        await Expect(owner).Not.ToContainTextAsync("pinned", new() { Timeout = 30_000 });
        await Expect(Chips(page, target)).ToHaveCountAsync(2, new() { Timeout = 30_000 });

        // Drained and restored.
        var card = Card(page, target);
        await card.GetByRole(AriaRole.Button).ClickAsync();
        await Expect(page.Locator("#dialog-title")).ToHaveTextAsync($"Drain: {target}");
        await page.Locator("#dialog-ok").ClickAsync();
        await Expect(card.Locator("p")).ToContainTextAsync("drained", new() { Timeout = 30_000 });
        await Expect(Chips(page, target)).ToHaveCountAsync(0, new() { Timeout = 30_000 });
        await Expect(Chips(page, silos.Single(silo => silo != target))).ToHaveCountAsync(4, new() { Timeout = 30_000 });
        await card.GetByRole(AriaRole.Button).ClickAsync();
        await Expect(Chips(page, target)).ToHaveCountAsync(2, new() { Timeout = 30_000 });
        await Expect(card.Locator("p")).Not.ToContainTextAsync("drained", new() { Timeout = 30_000 });

        // Sent back to its begin: everything comes once more.
        var topic = page.Locator("#topics tr").Filter(new() { HasText = DashboardHost.Topic }).Filter(new() { HasNotText = "%RETRY%" });
        await Expect(topic.Locator("td").Nth(2)).ToHaveTextAsync("0", Patient);
        var before = host.Handled.Count;
        await topic.GetByText("Seek…").ClickAsync();
        await Expect(page.Locator("#dialog select[name=target]")).ToHaveValueAsync("begin");
        await Expect(page.Locator("#dialog select[name=effects]")).ToHaveValueAsync(string.Empty);
        await page.Locator("#dialog-ok").ClickAsync();
        await Expect(page.Locator("#notice")).ToContainTextAsync("queues go on at", new() { Timeout = 30_000 });
        await Eventually.TrueAsync(() => host.Handled.Skip(before).Select(message => message.Body).Distinct().Count() == 8, "all come again");
        Assert.Empty(browser.Troubles);
    }

    [BrowserFact]
    public async Task An_operator_subscribes_to_a_topic_gives_it_up_stops_the_group_and_starts_it()
    {
        await using var host = await DashboardHost.StartAsync(Acts, everybodyOperates: true);
        await host.ReadyAsync();
        var consumer = host.Services.GetRequiredService<IRocketMQConsumers>().Get(DashboardHost.Group);
        await using var browser = await OpenPage.OpenAsync(host.Page, ColorScheme.Light, 1280, 900);
        var page = browser.Page;
        var topic = page.Locator("#topics tr").Filter(new() { HasText = "returns" });

        await page.Locator("#group-subscribe").ClickAsync(new() { Timeout = 30_000 });
        await page.Locator("#dialog [name=topic]").FillAsync("returns");
        await page.Locator("#dialog [name=kind]").SelectOptionAsync("sql");
        await page.Locator("#dialog [name=expression]").FillAsync("price > 10");
        await page.Locator("#dialog-ok").ClickAsync();
        await Expect(page.Locator("#dialog")).ToBeHiddenAsync(new() { Timeout = 30_000 });
        Assert.Equal(MessageSelector.BySql("price > 10"), consumer.Subscriptions.List().Single(subscription => subscription.Topic == "returns").Selector);

        await Expect(topic).ToHaveCountAsync(1, new() { Timeout = 30_000 });
        await topic.GetByText("Unsubscribe…").ClickAsync();
        await Expect(page.Locator("#dialog-title")).ToHaveTextAsync("Unsubscribe: returns");
        await page.Locator("#dialog-ok").ClickAsync();
        await Expect(topic).ToHaveCountAsync(0, new() { Timeout = 30_000 });
        Assert.DoesNotContain(consumer.Subscriptions.List(), subscription => subscription.Topic == "returns");

        await Expect(page.Locator("#group-switch")).ToHaveTextAsync("Stop group…", Patient);
        await page.Locator("#group-switch").ClickAsync();
        await Expect(page.Locator("#dialog-title")).ToHaveTextAsync($"Stop: {DashboardHost.Group}");
        await page.Locator("#dialog-ok").ClickAsync();
        await Expect(page.Locator("#group-switch")).ToHaveTextAsync("Start group", Patient);
        Assert.Equal(ConsumerState.Stopped, consumer.State);

        await page.Locator("#group-switch").ClickAsync();
        await Expect(page.Locator("#group-switch")).ToHaveTextAsync("Stop group…", Patient);
        Assert.Equal(ConsumerState.Running, consumer.State);
        Assert.Empty(browser.Troubles);
    }

    [BrowserFact]
    public async Task Dead_letters_with_markup_are_only_text_and_are_sent_again_and_dropped()
    {
        var isWell = false;
        await using var host = await DashboardHost.StartAsync(
            Acts, everybodyOperates: true, listener: (_, _) => Task.FromResult(Volatile.Read(ref isWell) ? ConsumeResult.Success : ConsumeResult.ReconsumeLater));
        await host.ReadyAsync();
        await host.Producer.SendAsync(new Message(DashboardHost.Topic, Encoding.UTF8.GetBytes("first"), keys: "plain-1"));
        await host.Producer.SendAsync(new Message(DashboardHost.Topic, Encoding.UTF8.GetBytes(Script), tags: "<i>tag</i>", keys: Markup.Replace(' ', '_')) { ["note"] = Markup });
        await host.Producer.SendAsync(new Message(DashboardHost.Topic, Encoding.UTF8.GetBytes("third"), keys: "plain-3"));
        var letters = host.Letters;
        await Eventually.TrueAsync(async () => (await letters.ListAsync()).Letters.Count == 3, "three are given up");

        await using var browser = await OpenPage.OpenAsync(host.Page, ColorScheme.Light, 1280, 900);
        var page = browser.Page;
        await page.Locator("#dead-load").ClickAsync(new() { Timeout = 30_000 });
        var rows = page.Locator("#dead tr");
        await Expect(rows).ToHaveCountAsync(3, new() { Timeout = 30_000 });
        var row = rows.Filter(new() { HasText = "onclick" });
        await Expect(row.Locator("td").Nth(2)).ToHaveTextAsync(Markup.Replace(' ', '_'));

        // Looked at: what would be markup is text, and the page has no element it did not make.
        await row.GetByText("Look").ClickAsync();
        await Expect(page.Locator("#letter-body")).ToHaveTextAsync(Script);
        await Expect(page.Locator("#letter-properties dd").Filter(new() { HasText = "bold</b><iframe src=//evil.example></iframe>" }).First).ToBeVisibleAsync();
        Assert.Equal("undefined", await page.EvaluateAsync<string>("typeof window.hacked"));
        Assert.Equal(0, await page.EvaluateAsync<int>("document.querySelectorAll('main b:not(.tile b), img, iframe, #injected, i:not(.chip), body script, dialog :is(pre, dd, dt) *').length"));
        await page.Locator("#letter-close").ClickAsync();

        // Sent again: the listener gets it, and it is no longer listed.
        Volatile.Write(ref isWell, true);
        var before = host.Handled.Count;
        await row.GetByText("Send again").ClickAsync();
        await Expect(page.Locator("#notice")).ToHaveTextAsync("Sent again.", Patient);
        await Eventually.TrueAsync(() => host.Handled.Skip(before).Any(message => message.Body == Script), "it comes again");
        await Expect(rows).ToHaveCountAsync(2, new() { Timeout = 30_000 });

        await page.Locator("#dead-drop").ClickAsync();
        await page.Locator("#dialog-ok").ClickAsync();
        await Expect(page.Locator("#dead-none")).ToHaveTextAsync("There are no dead letters.", Patient);
        await Expect(rows).ToHaveCountAsync(0, new() { Timeout = 30_000 });
        Assert.Empty((await letters.ListAsync()).Letters);
        Assert.Equal(before + 1, host.Handled.Count);
        Assert.Empty(browser.Troubles);
        Assert.All(browser.Requests, url => Assert.StartsWith(host.Page, url, StringComparison.Ordinal));
    }

    [BrowserFact]
    public async Task Parked_messages_are_listed_with_their_reason_looked_at_sent_again_and_dropped()
    {
        var isWell = false;
        await using var host = await DashboardHost.StartAsync(
            Acts, everybodyOperates: true, listener: (_, _) => Task.FromResult(Volatile.Read(ref isWell) ? ConsumeResult.Success : ConsumeResult.ReconsumeLater));
        await host.ReadyAsync();
        host.Faults.Inject(Fault.Answer(ResponseCodes.SystemError) with { RequestCode = RequestCodes.ConsumerSendMessageBack });
        host.Faults.Inject(Fault.Answer(ResponseCodes.MessageIllegal) with { When = target => target.Request["b"] == SystemTopics.Retry(DashboardHost.Group) });
        await host.SendAsync(3);
        await Eventually.TrueAsync(async () => (await host.Parked.ListAsync()).Total == 3, "three are parked");
        host.Faults.Clear();
        Volatile.Write(ref isWell, true);

        await using var browser = await OpenPage.OpenAsync(host.Page, ColorScheme.Light, 1280, 900);
        var page = browser.Page;
        await page.Locator("#parked-load").ClickAsync(new() { Timeout = 30_000 });
        var rows = page.Locator("#parked tr");
        await Expect(rows).ToHaveCountAsync(3, new() { Timeout = 30_000 });
        await Expect(rows.First).ToContainTextAsync("MessageIllegal");
        await Expect(page.Locator("#t-dead-more")).ToHaveTextAsync("3 parked", Patient);

        var body = await rows.First.Locator("td").First.InnerTextAsync();
        await rows.First.GetByText("Look").ClickAsync();
        await Expect(page.Locator("#letter-about")).ToContainTextAsync(body);
        await page.Locator("#letter-close").ClickAsync();

        var before = host.Handled.Count;
        await rows.First.GetByText("Send again").ClickAsync();
        await Expect(rows).ToHaveCountAsync(2, new() { Timeout = 30_000 });
        await Eventually.TrueAsync(() => host.Handled.Count == before + 1, "it comes again");
        await rows.First.GetByText("Drop").ClickAsync();
        await Expect(rows).ToHaveCountAsync(1, new() { Timeout = 30_000 });
        await page.Locator("#parked-drop").ClickAsync();
        await page.Locator("#dialog-ok").ClickAsync();
        await Expect(rows).ToHaveCountAsync(0, new() { Timeout = 30_000 });
        await Expect(page.Locator("#parked-none")).ToHaveTextAsync("There are no parked messages.", Patient);

        Assert.Equal(0, (await host.Parked.ListAsync()).Total);
        Assert.Equal(before + 1, host.Handled.Count);
        Assert.Empty(browser.Troubles);
    }

    private static LocatorAssertionsToHaveTextOptions Patient => new() { Timeout = 30_000 };

    private static void Acts(RocketMQDashboardOptions options)
        => (options.ActionPolicy, options.ShowBodies, options.RefreshInterval) = (DashboardHost.Policy, true, TimeSpan.FromMilliseconds(250));

    private static async Task<string[]> SilosAsync(DashboardHost host)
    {
        var names = Array.Empty<string>();
        await Eventually.TrueAsync(
            async () =>
            {
                names = [.. (await host.GroupAsync()).GetProperty("silos").EnumerateArray().Select(silo => silo.GetProperty("name").GetString()!)];
                return names.Length == 2;
            },
            "both silos run the group");
        return names;
    }

    private static string Short(string silo) => silo.Split('@')[0];

    private static ILocator Card(IPage page, string silo) => page.Locator(".silo").Filter(new() { HasText = Short(silo) });

    // The queues of the topic; that of the retry topic has a letter before its number.
    private static ILocator Chips(IPage page, string silo) => Card(page, silo).Locator(".chip").Filter(new() { HasNotText = "R" });

    private static ILocatorAssertions Expect(ILocator locator) => Assertions.Expect(locator);
}

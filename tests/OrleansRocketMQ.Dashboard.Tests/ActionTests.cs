using System.Net;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Dashboard.Actions;

namespace OrleansRocketMQ.Dashboard.Tests;

/// <summary>Whatever can be done to a group in code can be done here.</summary>
public sealed class ActionTests
{
    // The grains' methods, and the page's name where it is another one.
    private static readonly Dictionary<string, string> s_names = new(StringComparer.Ordinal)
    {
        ["LimitRate"] = "limit",
        ["MoveQueue"] = "move",
        ["ReleaseQueue"] = "release",
        ["DrainSilo"] = "drain",
        ["RestoreSilo"] = "restore",
        ["ResendByKey"] = "resend-key",
        ["ResendAll"] = "resend-all",
        ["StopResend"] = "stop-resend",
        ["DropOne"] = "drop",
    };

    [Fact]
    public void Every_command_of_the_management_grain_has_an_action_and_the_page_a_button_for_it()
    {
        var commands = Commands(typeof(IConsumerGroupManagementGrain))
            .Concat(Commands(typeof(IDeadLetterGrain)).Select(name => name == "Drop" ? "drop-all" : name))
            .Concat(Commands(typeof(IParkedMessageGrain)).Select(name => $"{name}-parked"))
            .Select(name => s_names.GetValueOrDefault(name, name.ToLowerInvariant())).ToArray();
        using var stream = typeof(GroupActions).Assembly.GetManifestResourceStream("app.js")!;
        var page = new StreamReader(stream).ReadToEnd();

        Assert.Equal(commands.Order(StringComparer.Ordinal), GroupActions.Names.Order(StringComparer.Ordinal));
        Assert.All(commands, name => Assert.Contains($"'{name}'", page, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_group_is_stopped_started_subscribed_and_unsubscribed()
    {
        await using var host = await DashboardHost.StartAsync(options => options.ActionPolicy = DashboardHost.Policy);
        await host.ReadyAsync();
        var consumer = host.Services.GetRequiredService<IRocketMQConsumers>().Get(DashboardHost.Group);

        await DoAsync(host, "subscribe", """{"topic":"returns","expression":"a || b"}""");
        var added = Assert.Single(consumer.Subscriptions.List(), subscription => subscription.Topic == "returns");
        Assert.Equal(MessageSelector.ByTag("a || b"), added.Selector);
        await DoAsync(host, "unsubscribe", """{"topic":"returns"}""");
        await DoAsync(host, "subscribe", """{"topic":"refunds","expression":"price > 10","isSql":true}""");
        Assert.Equal(MessageSelector.BySql("price > 10"), Assert.Single(consumer.Subscriptions.List(), subscription => subscription.Topic == "refunds").Selector);

        await DoAsync(host, "stop", "{}");
        Assert.Equal(ConsumerState.Stopped, consumer.State);
        await Eventually.TrueAsync(async () => (await host.GroupAsync()).GetProperty("state").GetString() == "Stopped", "the page knows that it is stopped");
        Assert.False((await host.GroupAsync()).TryGetProperty("error", out _));
        await DoAsync(host, "start", "{}");
        Assert.Equal(ConsumerState.Running, consumer.State);
        using var nothing = await host.ActAsync("subscribe", "{}");
        Assert.Equal(HttpStatusCode.BadRequest, nothing.StatusCode);
    }

    [Fact]
    public async Task One_dead_letter_is_dropped_and_the_others_stay()
    {
        await using var host = await DashboardHost.StartAsync(
            options => options.ActionPolicy = DashboardHost.Policy, listener: (_, _) => Task.FromResult(ConsumeResult.ReconsumeLater));
        await host.ReadyAsync();
        foreach (var key in new[] { "k1", "k2", "k3" })
        {
            await host.Producer.SendAsync(new Message(DashboardHost.Topic, Encoding.UTF8.GetBytes(key), keys: key));
        }

        await Eventually.TrueAsync(async () => (await host.Letters.ListAsync()).Letters.Count == 3, "three are given up");
        var dropped = (await host.Letters.ListAsync()).Letters.Single(letter => letter.Keys == "k2");

        await DoAsync(host, "drop", $$"""{"messageId":"{{dropped.OffsetMessageId}}"}""");

        Assert.Equal(["k1", "k3"], (await host.Letters.ListAsync()).Letters.Select(letter => letter.Keys).Order());
        Assert.Equal(0, await host.Letters.DropOneAsync(dropped.OffsetMessageId, "test"));
    }

    private static IEnumerable<string> Commands(Type grain)
        => grain.GetMethods().Select(method => method.Name[..^"Async".Length]).Where(name => !name.StartsWith("Get", StringComparison.Ordinal) && name is not ("List" or "Peek" or "Search"));

    private static async Task DoAsync(DashboardHost host, string action, string json)
    {
        using var answer = await host.ActAsync(action, json);
        Assert.True(answer.IsSuccessStatusCode, $"{action}: {answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
    }
}

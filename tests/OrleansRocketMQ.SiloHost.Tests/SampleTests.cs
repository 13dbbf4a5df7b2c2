using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost;

/// <summary>Each sample runs without anything else, shows its idea and ends by itself.</summary>
public sealed partial class SampleTests
{
    [Fact]
    public async Task Accounts_are_booked_in_order_and_never_fall_below_zero()
    {
        var lines = await RunAsync("Accounts");

        Assert.Contains(lines, line => line.Contains("transfer 4 failed, its queue waits", StringComparison.Ordinal));
        Assert.Equal("60 transfers booked, 1 after a failure; 0 out of order, 0 times below zero; balances 100, 100, 100", lines[^1]);
    }

    [Fact]
    public async Task Users_take_their_steps_in_order_and_beside_each_other()
    {
        var lines = await RunAsync("Users");

        Assert.Single(lines, line => line.StartsWith("  user-13: the mail server does not answer", StringComparison.Ordinal));
        Assert.StartsWith("40 users closed their account, 0 steps out of order, 0 steps of one user at the same time; up to ", lines[^1], StringComparison.Ordinal);
        // More than the topic has queues.
        Assert.InRange(int.Parse(Most().Match(lines[^1]).Groups[1].Value, CultureInfo.InvariantCulture), 5, 40);
    }

    [Fact]
    public async Task Notifications_are_shown_on_every_screen_and_a_screen_that_was_off_shows_what_it_missed_once()
    {
        var ports = FreePorts.Take(4);
        var lines = await RunToEndAsync(
            "Notifications", $"--Lobby:SiloPort={ports[0]}", $"--Lobby:GatewayPort={ports[1]}", $"--Canteen:SiloPort={ports[2]}", $"--Canteen:GatewayPort={ports[3]}");

        Assert.Equal(
            [
                "5 notices sent: the lobby showed 5, the canteen 5",
                "3 more while the canteen is off: the lobby showed 8, the canteen 5",
                "the canteen is back: it has shown 8, 0 of them twice",
            ],
            lines.Where(line => line[0] != ' '));
        Assert.Contains("  canteen: cake in room 7", lines);
    }

    [Fact]
    public async Task Guarded_management_is_for_callers_with_a_certificate_and_the_right_role()
    {
        var lines = await RunAsync("Guarded");

        Assert.Equal(
            [
                "nobody: sees the group: no, nobody may not call GetStatusAsync; pauses it: no, nobody may not call PauseAsync",
                "a viewer: sees the group: yes; pauses it: no, vera may not call PauseAsync",
                "an operator: sees the group: yes; pauses it: yes",
                "an operator of yesterday: sees the group: no, otto may not call GetStatusAsync; pauses it: no, otto may not call PauseAsync",
                "a viewer who has written operator: sees the group: no, nobody may not call GetStatusAsync; pauses it: no, nobody may not call PauseAsync",
                "without TLS: no connection",
                "with a certificate of somebody else: no connection",
                "the silo itself: sees 1 pauses",
            ],
            lines);
    }

    [Fact]
    public async Task Windowed_counts_are_right_although_a_batch_comes_twice()
    {
        var lines = await RunAsync("WindowedCounts");

        Assert.Equal(
            [
                "  a batch of /home fails after its counts were written; it comes again",
                "/home: 12:00 12, 12:01 30, 12:02 18; some came twice and count once",
                "/prices: 12:00 5, 12:02 9",
                "/contact: 12:00 1, 12:01 2, 12:02 3",
                "every view counts once",
            ],
            lines);
    }

    [Fact]
    public async Task Dead_letters_are_listed_looked_into_and_sent_again()
    {
        var lines = await RunAsync("DeadLetterReplay");

        Assert.Contains("2 dead letters:", lines);
        Assert.Contains("  invoice-2 of topic Invoices failed 2 times, 7 bytes", lines);
        Assert.Contains("in the first: 120 CHF", lines);
        Assert.Contains("  invoice-4: 75 CHF booked as 79 EUR", lines);
        Assert.Equal("4 of 4 invoices booked, 0 dead letters left", lines[^1]);
    }

    [Fact]
    public async Task Metrics_tell_what_was_consumed_what_failed_and_what_came_again()
    {
        var lines = (await RunAsync("Metrics")).Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries))).ToList();

        Assert.Contains("messaging.client.consumed.messages 50 {message}", lines);
        Assert.Contains("messaging.client.consumed.messages 5 {message} reconsume_later", lines);
        Assert.Contains("orleans_rocketmq.consumer.retries 5 {message}", lines);
        Assert.Contains(lines, line => line.StartsWith("messaging.process.duration ", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("orleans_rocketmq.queue.lag ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Orders_are_paid_once_though_the_shop_is_killed()
    {
        var ports = FreePorts.Take(4);
        var lines = await RunToEndAsync(
            "Checkout",
            $"--Orleans:Endpoints:SiloPort={ports[0]}",
            $"--Orleans:Endpoints:GatewayPort={ports[1]}",
            $"--Shop:SiloPort={ports[2]}",
            $"--Shop:GatewayPort={ports[3]}");

        // Two clusters with members in one group would have a grain each for a customer.
        Assert.Contains("  the bank consumes checkout-bank", lines);
        Assert.Equal(2, lines.Count(line => line == "  the shop was killed and is started again"));
        Assert.Equal("120 of 120 orders paid, 6 of 6 customers charged once for each of theirs, in order", lines[^1]);
    }

    [Fact]
    public void Every_sample_says_in_its_first_lines_what_it_shows_and_how_it_is_run()
    {
        var repository = typeof(SampleTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(metadata => metadata.Key == "repository").Value!;
        var samples = Directory.GetDirectories(Path.Combine(repository, "samples")).Select(folder => Path.GetFileName(folder)!).ToList();

        Assert.True(samples.Count >= 8, string.Join(", ", samples));
        // QuickStart and QuickStart.Typed are the README's first programs, which explain them.
        Assert.All(samples.Except(["QuickStart", "QuickStart.Typed"]), sample =>
        {
            var program = File.ReadAllLines(Path.Combine(repository, "samples", sample, "Program.cs"));
            var head = program.TakeWhile(line => line.StartsWith("//", StringComparison.Ordinal)).ToList();
            Assert.Contains(head, line => line.Contains($"dotnet run --project samples/{sample} ", StringComparison.Ordinal));
        });
    }

    private static Task<IReadOnlyList<string>> RunAsync(string sample)
    {
        var ports = FreePorts.Take(2);
        return RunToEndAsync(sample, $"--Orleans:Endpoints:SiloPort={ports[0]}", $"--Orleans:Endpoints:GatewayPort={ports[1]}");
    }

    private static async Task<IReadOnlyList<string>> RunToEndAsync(string sample, params string[] arguments)
    {
        await using var program = RunningProgram.Start(sample, arguments);
        Assert.True(await program.UntilEndedAsync() == 0, program.Everything);
        Assert.Empty(program.Errors);
        return program.Output;
    }

    [GeneratedRegex("up to ([0-9]+) users")]
    private static partial Regex Most();
}

namespace OrleansRocketMQ.SiloHost.Support.Stores;

/// <summary>What must hold whichever store the silos of a cluster find each other, and keep state, in.</summary>
/// <param name="program">The host with the store's packages.</param>
/// <param name="providerType">The store's name in Orleans' settings.</param>
/// <param name="connectionString">Where the store is.</param>
/// <param name="provider">What else the settings of the provider need.</param>
internal sealed class StoreScenarios(string program, string providerType, string connectionString, params (string Name, string Value)[] provider)
{
    private const int Queues = 4;
    private const int PerQueue = 10;

    // A crash is noticed after two seconds and not after 15.
    private static readonly string[] s_quickly = ["--Orleans:Membership:ProbeTimeout=00:00:01", "--Orleans:Membership:NumMissedProbesLimit=2"];

    private readonly string _cluster = $"test-{Guid.NewGuid():N}";

    public async Task HostsSplitTheQueuesAndACheckCountsThemAsync()
    {
        var nameServerPort = FreePorts.Take(1)[0];
        await using var first = SiloHostProgram.Start(program, [.. Settings(), $"--Embedded:NameServerPort={nameServerPort}"]);
        await first.Program.UntilPrintedAsync("| 8 queues here");

        await using var second = SiloHostProgram.Start(program, [.. Settings(), $"--RocketMQ:NameServer=127.0.0.1:{nameServerPort}"]);

        await second.Program.UntilPrintedAsync("| 4 queues here");
        await first.Program.UntilPrintedAsync("| 4 queues here");
        await using var check = RunningProgram.Start(program, ["--check", .. Settings(), $"--RocketMQ:NameServer=127.0.0.1:{nameServerPort}"]);
        Assert.True(await check.UntilEndedAsync() == 0, check.Everything);
        Assert.Contains(check.Output, line => line.StartsWith($"ok      clustering: {providerType} lists 2 active silos", StringComparison.Ordinal));

        second.Program.Terminate();
        Assert.True(await second.Program.UntilEndedAsync() == 0, second.Program.Everything);
        await Eventually.TrueAsync(
            () => first.Program.Output[^1].Contains("| 8 queues here", StringComparison.Ordinal),
            () => $"the first host has all queues again. It printed:{Environment.NewLine}{first.Program.Everything}");
    }

    public async Task ABroadcastingGroupFindsItsProgressAgainAsync()
    {
        await using var records = await Records.StartAsync();
        await records.SendAsync(0, 50);
        Assert.Equal(Enumerable.Range(0, 50), await ConsumeAsync(50));
        await records.SendAsync(50, 20);
        Assert.Equal(Enumerable.Range(50, 20), await ConsumeAsync(20));

        async Task<IEnumerable<int>> ConsumeAsync(int count)
        {
            var (host, file) = records.StartProgram(program, ["--Orleans:Name=member-1", $"--RocketMQ:Consumers:{Records.Group}:MessageModel=Broadcasting", .. Settings()]);
            await using var _ = host;
            await Eventually.TrueAsync(() => Records.Read(file).Length >= count, () => $"{count} are consumed. It printed:{Environment.NewLine}{host.Program.Everything}");
            host.Program.Terminate();
            Assert.True(await host.Program.UntilEndedAsync() == 0, host.Program.Everything);
            return Records.Read(file).Select(int.Parse).Order();
        }
    }

    public async Task AKilledHostLosesNothingAsync()
    {
        const int Messages = 2000;
        await using var records = await Records.StartAsync();
        var (first, firstFile) = records.StartProgram(program, [.. Settings(), .. s_quickly]);
        await using var _ = first;
        var (second, secondFile) = records.StartProgram(program, [.. Settings(), .. s_quickly]);
        await using var __ = second;
        await UntilQueuesAsync(first, Queues / 2);
        await UntilQueuesAsync(second, Queues / 2);
        var sending = records.SendAsync(0, Messages);
        await Eventually.TrueAsync(() => Records.Read(firstFile).Length > 50 && Records.Read(secondFile).Length > 50, () => $"both consume. They printed:{Environment.NewLine}{Printed()}");

        await first.Program.KillAsync();

        await UntilQueuesAsync(second, Queues);
        await sending;
        await Eventually.TrueAsync(() => records.Committed == Messages, () => $"the rest is consumed; committed is {records.Committed}. They printed:{Environment.NewLine}{Printed()}");
        Assert.Equal(Enumerable.Range(0, Messages), Records.Read(firstFile).Concat(Records.Read(secondFile)).Select(int.Parse).Distinct().Order());

        string Printed() => first.Program.Everything + second.Program.Everything;
    }

    /// <summary>Behind a message that hangs no offset is committed; only the store knows what was consumed there.</summary>
    /// <param name="seenToAsync">Whether the store holds a checkpoint up to an offset.</param>
    public async Task WhatACheckpointHoldsIsNotConsumedAgainAfterAKillAsync(Func<int, Task<bool>> seenToAsync)
    {
        await using var records = await Records.StartAsync();
        await SendOneThatHangsAsync(records);
        var (first, firstFile) = records.StartProgram(program, [.. Settings(), .. s_quickly]);
        await using var _ = first;
        await UntilOneQueueHangsAsync(records, first, seenToAsync);
        var (second, secondFile) = records.StartProgram(program, [.. Settings(), .. s_quickly]);
        await using var __ = second;
        await UntilQueuesAsync(second, Queues / 2, atLeast: 1);

        await first.Program.KillAsync();

        await UntilItHangsAgainAndMoreIsConsumedAsync(records, second, secondFile);
        Assert.Equal(
            Enumerable.Range(1, (PerQueue * Queues) + Queues - 1),
            Records.Read(firstFile).Concat(Records.Read(secondFile)).Where(line => line != "hangs").Select(int.Parse).Order());
    }

    /// <summary>The store is what spares the repetition: the same kill, and what it held is gone before another host looks.</summary>
    /// <param name="seenToAsync">Whether the store holds a checkpoint up to an offset.</param>
    /// <param name="forgetAsync">Empties the store of grains' state.</param>
    public async Task WithoutTheCheckpointsOfTheStoreItIsConsumedAgainAfterAKillAsync(
        Func<int, Task<bool>> seenToAsync, Func<Task> forgetAsync)
    {
        await using var records = await Records.StartAsync();
        await SendOneThatHangsAsync(records);
        var (first, firstFile) = records.StartProgram(program, [.. Settings(), .. s_quickly]);
        await using var _ = first;
        await UntilOneQueueHangsAsync(records, first, seenToAsync);

        await first.Program.KillAsync();
        await forgetAsync();

        // With the state of the same service, and in a cluster that need not find out first that a silo is dead.
        var (second, secondFile) = records.StartProgram(program, [.. Settings($"{_cluster}-2"), .. s_quickly]);
        await using var __ = second;
        await Eventually.TrueAsync(
            () => Records.Read(secondFile).Length >= PerQueue,
            () => $"one queue is consumed again. It printed:{Environment.NewLine}{second.Program.Everything}");
        var again = Records.Read(secondFile).Where(line => line != "hangs").Select(int.Parse).ToArray();
        Assert.Equal(PerQueue - 1, again.Length);
        Assert.Subset(Records.Read(firstFile).Where(line => line != "hangs").Select(int.Parse).ToHashSet(), again.ToHashSet());
    }

    private static async Task SendOneThatHangsAsync(Records records)
    {
        await records.SendAsync("hang");
        await records.SendAsync(1, (PerQueue * Queues) - 1);
    }

    private static async Task UntilOneQueueHangsAsync(Records records, SiloHostProgram host, Func<int, Task<bool>> seenToAsync)
    {
        await Eventually.TrueAsync(
            () => records.Committed == PerQueue * (Queues - 1),
            () => $"all but one queue is committed. It printed:{Environment.NewLine}{host.Program.Everything}");
        await Eventually.TrueAsync(() => seenToAsync(PerQueue), "the checkpoint of the queue that hangs is written");
    }

    private static async Task UntilItHangsAgainAndMoreIsConsumedAsync(Records records, SiloHostProgram host, string file)
    {
        await Eventually.TrueAsync(
            () => Records.Read(file).Contains("hangs"),
            () => $"the message that hangs comes again. It printed:{Environment.NewLine}{host.Program.Everything}");
        await records.SendAsync(PerQueue * Queues, Queues);
        await Eventually.TrueAsync(
            () => Records.Read(file).Length >= Queues + 1,
            () => $"later ones are consumed. It printed:{Environment.NewLine}{host.Program.Everything}");
    }

    public async Task AStoreThatIsAwayIsToldInALineAsync(string nowhere)
    {
        await using var host = SiloHostProgram.Start(program, [.. Settings(), $"--Orleans:Clustering:ConnectionString={nowhere}"]);

        Assert.Equal(3, await host.Program.UntilEndedAsync());
        Assert.Contains($"the list of silos kept by {providerType} cannot be read", Assert.Single(host.Program.Errors), StringComparison.Ordinal);
    }

    public async Task AHostBehindATranslationOfAddressesStartsAsync()
    {
        const string OfNobodyHere = "192.0.2.7";
        var ports = FreePorts.Take(2);
        await using var host = SiloHostProgram.Start(
            program,
            [
                .. Settings(),
                $"--Orleans:Endpoints:AdvertisedIPAddress={OfNobodyHere}",
                $"--Orleans:Endpoints:SiloListeningEndpoint=127.0.0.1:{ports[0]}",
                $"--Orleans:Endpoints:GatewayListeningEndpoint=127.0.0.1:{ports[1]}",
            ]);

        await host.Program.UntilPrintedAsync("| 8 queues here");
    }

    private static async Task UntilQueuesAsync(SiloHostProgram host, int count, int? atLeast = null)
    {
        using var http = new HttpClient { BaseAddress = new Uri(host.Url) };
        var now = -1;
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    var told = PrometheusParser.Parse(await http.GetStringAsync(new Uri("/metrics", UriKind.Relative)));
                    now = told.Samples.Count(sample => sample.Name == "orleans_rocketmq_queue_lag" && sample.Labels["messaging_destination_name"] == Records.Topic);
                }
                catch (HttpRequestException)
                {
                    return false; // Not up yet.
                }

                return atLeast is null ? now == count : now >= atLeast;
            },
            () => $"a host has {count} queues; it has {now}. It printed:{Environment.NewLine}{host.Program.Everything}");
    }

    private string[] Settings(string? cluster = null) =>
    [
        $"--Orleans:ClusterId={cluster ?? _cluster}",
        $"--Orleans:ServiceId={_cluster}",
        "--Orleans:Endpoints:AdvertisedIPAddress=127.0.0.1",
        .. Provider("Orleans:Clustering"),
        .. Provider("Orleans:GrainStorage:RocketMQ"),
    ];

    private IEnumerable<string> Provider(string section) => provider
        .Append(("ProviderType", providerType))
        .Append(("ConnectionString", connectionString))
        .Select(setting => $"--{section}:{setting.Item1}={setting.Item2}");
}

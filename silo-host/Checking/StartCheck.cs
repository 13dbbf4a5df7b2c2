using System.Net;
using System.Net.Sockets;
using OrleansRocketMQ.Connectivity;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.SiloHost.Demo;
using OrleansRocketMQ.SiloHost.Errors;
using OrleansRocketMQ.SiloHost.Hosting;
using OrleansRocketMQ.SiloHost.Listeners;

namespace OrleansRocketMQ.SiloHost.Checking;

/// <summary>
/// <c>--check</c>: builds the silo as a start would, starts nothing, and tries to reach what it needs. Ports are not
/// looked at, so that a check may run beside the host it is about.
/// </summary>
internal static class StartCheck
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    // Stands in for the embedded broker while settings are validated; nobody connects to it.
    private const string NoNameServer = "127.0.0.1:9876";

    /// <returns>The process's exit code.</returns>
    public static async Task<int> RunAsync(CommandLine commandLine, Action<ISiloBuilder>? configure, StopSignals signals)
    {
        // A check that was not made has not found that all is well.
        signals.CalledOffExitCode = ExitCode.Failure;
        var report = new CheckReport(Console.Out);
        try
        {
            await RunAsync(commandLine, configure, report, signals.CalledOff);
        }
        catch (Exception exception) when (!signals.CalledOff.IsCancellationRequested && StartError.Explain(exception) is { } error)
        {
            report.Failed($"settings: {error.Message}", error.ExitCode);
        }

        return report.ExitCode;
    }

    private static async Task RunAsync(
        CommandLine commandLine, Action<ISiloBuilder>? configure, CheckReport report, CancellationToken cancellationToken)
    {
        var builder = SiloApplication.NewBuilder(commandLine);
        builder.Logging.ClearProviders();
        EmbeddedDefault.CheckNameServer(builder.Configuration);
        StopTimes.Check(builder.Configuration);
        var clustering = Clustering.Read(builder.Configuration);
        HealthUrls.Parse(builder.Configuration);
        DashboardSettings.Read(builder.Configuration);
        var listeners = ListenerAssemblies.Load(builder.Configuration);
        var isEmbedded = string.IsNullOrWhiteSpace(builder.Configuration[EmbeddedDefault.NameServerKey]);
        if (isEmbedded)
        {
            builder.Configuration[EmbeddedDefault.NameServerKey] = NoNameServer;
        }

        // The demo makes its topic when it starts; that it is not there yet is no fault.
        var demo = DemoOptions.Read(builder.Configuration);
        SiloApplication.AddSilo(builder, clustering, new DemoOptions { Enabled = false }, configure);
        cancellationToken.ThrowIfCancellationRequested();
        await using var app = builder.Build();
        SiloApplication.Validate(app.Services);
        Tell(app.Services.GetRequiredService<IRocketMQConsumers>(), listeners, demo, report);

        await CheckClusteringAsync(app.Services, clustering, report, cancellationToken);
        if (isEmbedded)
        {
            report.Ok("RocketMQ: no name server is set, so the host brings its embedded broker "
                + $"(--{EmbeddedDefault.NameServerKey}=host:port uses a cluster of yours)");
            return;
        }

        foreach (var finding in await app.Services.GetRequiredService<IRocketMQConnectivity>().CheckAsync(cancellationToken))
        {
            Tell(finding, report);
        }
    }

    private static void Tell(IRocketMQConsumers consumers, IReadOnlyList<ListenerAssembly> listeners, DemoOptions demo, CheckReport report)
    {
        foreach (var assembly in listeners)
        {
            report.Ok($"listeners: {assembly}");
        }

        var groups = consumers.All
            .Select(consumer => (consumer.Group, Topics: consumer.Subscriptions.List().Select(subscription => subscription.Topic)))
            .Select(consumer => $"{consumer.Group} ({string.Join(", ", consumer.Topics)})")
            .ToArray();
        report.Ok(groups.Length > 0
            ? $"settings: {groups.Length} consumer group{(groups.Length > 1 ? "s" : string.Empty)}: {string.Join(", ", groups)}"
            : $"settings: no consumer group but that of the demo, if any ({ListenerAssemblies.PathKey} names a folder with listeners)");
        if (demo.Enabled)
        {
            report.Ok($"demo: makes its topic {demo.Topic} when it starts (--Demo:Enabled=false leaves it out)");
        }
    }

    private static void Tell(ConnectivityFinding finding, CheckReport report)
    {
        if (finding.IsOk)
        {
            report.Ok(finding.Text);
        }
        else
        {
            report.Failed(finding.Text, finding.Subject == ConnectivitySubject.Topic ? ExitCode.Failure : ExitCode.Unreachable);
        }
    }

    private static async Task CheckClusteringAsync(
        IServiceProvider services, Clustering clustering, CheckReport report, CancellationToken cancellationToken)
    {
        try
        {
            report.Ok(clustering switch
            {
                { IsLocal: false } =>
                    $"clustering: {clustering.ProviderType} lists "
                    + $"{await ClusterStore.ReadAsync(services, clustering.ProviderType, cancellationToken)} active silos",
                { PrimarySilo: { } primary } => $"clustering: on this machine, silo {await ReachAsync(primary, cancellationToken)} answers",
                _ => "clustering: on this machine; this silo is the first of its cluster",
            });
        }
        catch (StartException exception)
        {
            report.Failed($"clustering: {StartError.Explain(exception)!.Message}", exception.ExitCode);
        }
    }

    private static async Task<IPEndPoint> ReachAsync(IPEndPoint silo, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        using var socket = new Socket(silo.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(silo, patience.Token);
            return silo;
        }
        catch (Exception exception)
            when (exception is SocketException || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new StartException(
                $"the silo {silo} that keeps the cluster does not answer: {exception.Message}. "
                    + "Start it first, or look at Orleans:PrimarySilo.",
                exception,
                ExitCode.Unreachable);
        }
    }
}

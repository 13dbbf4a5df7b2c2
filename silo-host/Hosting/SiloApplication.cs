using Orleans.Runtime;
using OrleansRocketMQ.SiloHost.Demo;
using OrleansRocketMQ.SiloHost.Errors;
using OrleansRocketMQ.SiloHost.Listeners;
using OrleansRocketMQ.SiloHost.Metrics;
using OrleansRocketMQ.SiloHost.Terminal;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>Puts the host together and runs it.</summary>
internal static class SiloApplication
{
    private static readonly TimeSpan LeavePatience = TimeSpan.FromSeconds(10);

    /// <summary>Runs until it is stopped, or until a demo with an end has ended.</summary>
    /// <returns>The process's exit code.</returns>
    /// <exception cref="OperationCanceledException">A signal called off the start.</exception>
    public static async Task<int> RunAsync(CommandLine commandLine, Action<ISiloBuilder>? configure, StopSignals signals)
    {
        var builder = NewBuilder(commandLine);
        await using var lines = LoggingSetup.IsForCollector(builder.Configuration) ? new LogLines() : null;
        var console = new HostConsole((TextWriter?)lines ?? Console.Out, isTerminal: lines is null && !Console.IsOutputRedirected);
        var demo = DemoOptions.Read(builder.Configuration);
        signals.CalledOffExitCode = demo.HasEnd ? ExitCode.Failure : ExitCode.Success;
        builder.AddHostLogging(console, quiet: demo.HasEnd);
        builder.Services.MuteFrom(signals.CalledOff);

        // All that can be wrong is looked at before anything starts.
        EmbeddedDefault.CheckNameServer(builder.Configuration);
        StopTimes.Check(builder.Configuration);
        var clustering = Clustering.Read(builder.Configuration);
        clustering.CheckPorts(builder.Configuration);
        var healthUrls = HealthUrls.Read(builder.Configuration);
        signals.CalledOff.ThrowIfCancellationRequested();
        var dashboard = DashboardSettings.Read(builder.Configuration);
        var listeners = ListenerAssemblies.Load(builder.Configuration);
        signals.CalledOff.ThrowIfCancellationRequested();

        // Without a name server in the settings the host brings its own broker, so that a first run needs nothing else.
        await using var embedded = await EmbeddedDefault.StartIfNeededAsync(
            builder.Configuration, builder.Services, keepEverything: demo.HasEnd);
        if (demo.Enabled)
        {
            embedded?.CreateTopic(demo.Topic, demo.Queues);
        }

        AddServices(builder, console, clustering, demo, dashboard, configure, signals);
        signals.CalledOff.ThrowIfCancellationRequested();
        var app = builder.Build();
        app.UseDashboardWhileRunning();
        app.MapRocketMQHealth();
        app.MapPrometheusScrapingEndpoint();
        app.MapRocketMQDashboard();
        signals.CalledOff.ThrowIfCancellationRequested();
        Validate(app.Services);
        if (!clustering.IsLocal)
        {
            await ClusterStore.ReadAsync(app.Services, clustering.ProviderType, signals.CalledOff);
        }

        lines?.Use(app.Services.GetRequiredService<ILoggerFactory>().CreateLogger(LoggingSetup.LinesCategory));
        var verdict = app.Services.GetService<DemoVerdict>();
        var ledger = app.Services.GetService<DemoLedger>();
        Introduce(console, app.Configuration, embedded is not null, clustering, healthUrls, listeners, demo);
        await RunAsync(app, signals);
        console.EndLive();
        if (ledger is not null && !demo.HasEnd)
        {
            console.WriteLine($"stopped; this host sent {ledger.Sent} messages and consumed {ledger.Consumed} of them");
        }

        return verdict?.ExitCode ?? ExitCode.Success;
    }

    private static void AddServices(
        WebApplicationBuilder builder,
        HostConsole console,
        Clustering clustering,
        DemoOptions demo,
        DashboardSettings dashboard,
        Action<ISiloBuilder>? configure,
        StopSignals signals)
    {
        builder.Services.AddSingleton(console);
        builder.Services.AddSingleton(signals);
        builder.Services.AddSingleton<IHostLifetime, SignalLifetime>();
        builder.Services.AddTelemetry(builder.Configuration);

        // Before all that begins when the silo is active, so that nothing does when the start has been called off.
        builder.Services.AddSingleton(clustering);
        builder.Services.AddSingleton<ClusterEntry>();
        builder.Services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(services => services.GetRequiredService<ClusterEntry>());
        AddSilo(builder, clustering, demo, configure);
        builder.Services.AddSingleton<IFatalErrorHandler, FatalErrors>();
        builder.Services.AddHealthChecks().AddRocketMQ();
        dashboard.AddTo(builder.Services);
        FormKeys.AddTo(builder.Services);
        WebServerOrder.StartFirst(builder);
    }

    private static async Task RunAsync(WebApplication app, StopSignals signals)
    {
        await StartAsync(app, signals);
        await using var started = app;
        await using var stop = signals.Asked.Register(app.Lifetime.StopApplication);
        await app.WaitForShutdownAsync();
    }

    // What was begun and has not been finished is not disposed of: that may wait for what hangs, and the process ends.
    private static async Task StartAsync(WebApplication app, StopSignals signals)
    {
        var entry = app.Services.GetRequiredService<ClusterEntry>();
        try
        {
            await Task.Run(() => app.StartAsync(signals.CalledOff), signals.CalledOff).WaitAsync(signals.SettleDeadline);
        }
        catch (Exception) when (signals.CalledOff.IsCancellationRequested)
        {
            await entry.RemoveAsync(signals.LeaveDeadline);
            throw new OperationCanceledException(signals.CalledOff);
        }
        catch (OperationCanceledException) when (app.Lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // A demo that ends before all of the host stands: the host calls that a start that was cancelled.
            await app.StopAsync();
        }
        catch (Exception)
        {
            using var patience = new CancellationTokenSource(LeavePatience);
            await entry.RemoveAsync(patience.Token);
            throw;
        }
    }

    public static WebApplicationBuilder NewBuilder(CommandLine commandLine) => WebApplication.CreateBuilder(new WebApplicationOptions
    {
        Args = commandLine.Settings,
        // The settings lie beside the program, wherever it is started from.
        ContentRootPath = AppContext.BaseDirectory,
    });

    public static void AddSilo(
        WebApplicationBuilder builder,
        Clustering clustering,
        DemoOptions demo,
        Action<ISiloBuilder>? configure) => builder.Host.UseOrleans(silo =>
    {
        clustering.Apply(silo);
        StopTimes.Apply(silo, builder.Configuration);
        GrainState.Keep(silo, builder.Configuration);
        silo.AddRocketMQ();
        silo.AddDemo(demo);
        silo.PropagateTraces(builder.Configuration);
        configure?.Invoke(silo);
    });

    /// <summary>What a silo would do at its start.</summary>
    /// <exception cref="RocketMQConfigurationException">A setting is wrong.</exception>
    public static void Validate(IServiceProvider services)
    {
        foreach (var validator in services.GetServices<IConfigurationValidator>())
        {
            validator.ValidateConfiguration();
        }
    }

    private static void Introduce(
        HostConsole console,
        IConfiguration configuration,
        bool isEmbedded,
        Clustering clustering,
        string healthUrls,
        IReadOnlyList<ListenerAssembly> listeners,
        DemoOptions demo)
    {
        var nameServer = configuration[EmbeddedDefault.NameServerKey];
        console.WriteLine(isEmbedded
            ? $"RocketMQ: embedded broker, name server {nameServer} (--{EmbeddedDefault.NameServerKey}=host:port uses a cluster of yours)"
            : $"RocketMQ: name server {nameServer}");
        if (!demo.HasEnd)
        {
            console.WriteLine($"Orleans:  {clustering}");
            console.WriteLine($"Health:   {healthUrls}");
            foreach (var assembly in listeners)
            {
                console.WriteLine($"Listens:  {assembly}");
            }

            console.WriteLine("Ctrl+C stops it; --help tells what else it can do.");
        }
    }
}

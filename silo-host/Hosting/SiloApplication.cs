using Orleans.Runtime;
using OrleansRocketMQ.SiloHost.Demo;
using OrleansRocketMQ.SiloHost.Listeners;
using OrleansRocketMQ.SiloHost.Metrics;
using OrleansRocketMQ.SiloHost.Terminal;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>Puts the host together and runs it.</summary>
internal static class SiloApplication
{
    /// <summary>Runs until it is stopped, or until a demo with an end has ended.</summary>
    /// <returns>The process's exit code.</returns>
    public static async Task<int> RunAsync(CommandLine commandLine, Action<ISiloBuilder>? configure)
    {
        using var secondSignal = new SecondSignal();
        var builder = NewBuilder(commandLine);
        await using var lines = LoggingSetup.IsForCollector(builder.Configuration) ? new LogLines() : null;
        var console = new HostConsole((TextWriter?)lines ?? Console.Out, isTerminal: lines is null && !Console.IsOutputRedirected);
        var demo = DemoOptions.Read(builder.Configuration);
        builder.AddHostLogging(console, quiet: demo.HasEnd);

        // All that can be wrong is looked at before anything starts.
        EmbeddedDefault.CheckNameServer(builder.Configuration);
        StopTimes.Check(builder.Configuration);
        var clustering = Clustering.Read(builder.Configuration);
        clustering.CheckPorts(builder.Configuration);
        var healthUrls = HealthUrls.Read(builder.Configuration);
        var listeners = ListenerAssemblies.Load(builder.Configuration);

        // Without a name server in the settings the host brings its own broker, so that a first run needs nothing else.
        await using var embedded = await EmbeddedDefault.StartIfNeededAsync(builder.Configuration, keepEverything: demo.HasEnd);
        if (demo.Enabled)
        {
            embedded?.CreateTopic(demo.Topic, demo.Queues);
        }

        builder.Services.AddSingleton(console);
        builder.Services.AddTelemetry(builder.Configuration);
        AddSilo(builder, clustering, demo, configure);
        builder.Services.AddHealthChecks().AddRocketMQ();
        builder.Services.AddRocketMQDashboard();
        FormKeys.AddTo(builder.Services);

        var app = builder.Build();
        app.MapRocketMQHealth();
        app.MapPrometheusScrapingEndpoint();
        app.MapRocketMQDashboard();
        Validate(app.Services);
        if (!clustering.IsLocal)
        {
            await ClusterStore.ReadAsync(app.Services, clustering.ProviderType);
        }

        lines?.Use(app.Services.GetRequiredService<ILoggerFactory>().CreateLogger(LoggingSetup.LinesCategory));
        var verdict = app.Services.GetService<DemoVerdict>();
        var ledger = app.Services.GetService<DemoLedger>();
        Introduce(console, app.Configuration, embedded is not null, clustering, healthUrls, listeners, demo);
        await app.RunAsync();
        console.EndLive();
        if (ledger is not null && !demo.HasEnd)
        {
            console.WriteLine($"stopped; this host sent {ledger.Sent} messages and consumed {ledger.Consumed} of them");
        }

        return verdict?.ExitCode ?? ExitCode.Success;
    }

    public static WebApplicationBuilder NewBuilder(CommandLine commandLine) => WebApplication.CreateBuilder(new WebApplicationOptions
    {
        Args = commandLine.Settings,
        // The settings lie beside the program, wherever it is started from.
        ContentRootPath = AppContext.BaseDirectory,
    });

    public static void AddSilo(WebApplicationBuilder builder, Clustering clustering, DemoOptions demo, Action<ISiloBuilder>? configure) => builder.Host.UseOrleans(silo =>
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
        HostConsole console, IConfiguration configuration, bool isEmbedded, Clustering clustering, string healthUrls, IReadOnlyList<ListenerAssembly> listeners, DemoOptions demo)
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

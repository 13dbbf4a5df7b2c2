using Orleans.Runtime;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.SiloHost.Demo;
using OrleansRocketMQ.SiloHost.Terminal;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>Puts the host together and runs it.</summary>
internal static class SiloApplication
{
    /// <summary>Runs until it is stopped, or until a demo with an end has ended.</summary>
    /// <returns>The process's exit code.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions
        {
            Args = args,
            // The settings lie beside the program, wherever it is started from.
            ContentRootPath = AppContext.BaseDirectory,
        });
        var console = new HostConsole(Console.Out, isTerminal: !Console.IsOutputRedirected);
        var demo = DemoOptions.Read(builder.Configuration);
        builder.AddHostLogging(console, quiet: demo.HasEnd);

        // All that can be wrong is looked at before anything starts.
        EmbeddedDefault.CheckNameServer(builder.Configuration);
        var clustering = Clustering.Read(builder.Configuration);
        var healthUrls = HealthUrls.Read(builder.Configuration);

        // Without a name server in the settings the host brings its own broker, so that a first run needs nothing else.
        await using var embedded = await EmbeddedDefault.StartIfNeededAsync(builder.Configuration, keepEverything: demo.HasEnd);
        if (demo.Enabled)
        {
            embedded?.CreateTopic(demo.Topic, demo.Queues);
        }

        builder.Services.AddSingleton(console);
        builder.Host.UseOrleans(silo =>
        {
            clustering.Apply(silo);
            silo.AddMemoryGrainStorageAsDefault();
            silo.AddRocketMQ(rocketmq => KeepState(rocketmq, builder.Configuration));
            silo.AddDemo(demo);
        });
        builder.Services.AddHealthChecks().AddRocketMQ();
        builder.Services.AddRocketMQDashboard();

        var app = builder.Build();
        app.MapRocketMQHealth();
        app.MapRocketMQDashboard();
        foreach (var validator in app.Services.GetServices<IConfigurationValidator>())
        {
            validator.ValidateConfiguration();
        }

        var verdict = app.Services.GetService<DemoVerdict>();
        var ledger = app.Services.GetService<DemoLedger>();
        Introduce(console, app.Configuration, embedded is not null, clustering, healthUrls, demo);
        await app.RunAsync();
        console.EndLive();
        if (ledger is not null && !demo.HasEnd)
        {
            console.WriteLine($"stopped; this host sent {ledger.Sent} messages and consumed {ledger.Consumed} of them");
        }

        return verdict?.ExitCode ?? ExitCode.Success;
    }

    // In memory unless a folder is named: then progress of broadcasting groups and failure counts outlive the host.
    private static void KeepState(RocketMQBuilder rocketmq, ConfigurationManager configuration)
    {
        if (configuration[$"{RocketMQOptions.SectionName}:{nameof(RocketMQOptions.OffsetStorePath)}"] is not null
            || Environment.GetEnvironmentVariable("ROCKETMQ_OFFSET_STORE_PATH") is not null)
        {
            rocketmq.UseFileStorage();
        }
    }

    private static void Introduce(HostConsole console, IConfiguration configuration, bool isEmbedded, Clustering clustering, string healthUrls, DemoOptions demo)
    {
        var nameServer = configuration[EmbeddedDefault.NameServerKey];
        console.WriteLine(isEmbedded
            ? $"RocketMQ: embedded broker, name server {nameServer} (--{EmbeddedDefault.NameServerKey}=host:port uses a cluster of yours)"
            : $"RocketMQ: name server {nameServer}");
        if (!demo.HasEnd)
        {
            console.WriteLine($"Orleans:  silo port {clustering.SiloPort}, gateway port {clustering.GatewayPort}");
            console.WriteLine($"Health:   {healthUrls}");
            console.WriteLine("Ctrl+C stops it; --help tells what else it can do.");
        }
    }
}

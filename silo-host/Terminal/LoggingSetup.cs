using Microsoft.Extensions.Configuration.Memory;

namespace OrleansRocketMQ.SiloHost.Terminal;

/// <summary>How the host logs.</summary>
internal static class LoggingSetup
{
    /// <summary>The log category of lines meant for people, where a log collector reads the output.</summary>
    public const string LinesCategory = "silo-host";

    private const string FormatterKey = "Logging:Console:FormatterName";

    // The standard console writes when it likes, in the midst of a live line. Where somebody chose a format for a log
    // collector, json or systemd, it is the right one.
    public static bool IsForCollector(IConfiguration configuration) => configuration[FormatterKey] is not (null or "simple");

    /// <param name="builder">The host.</param>
    /// <param name="console">Where to.</param>
    /// <param name="quiet">Only errors, unless the settings say otherwise.</param>
    public static void AddHostLogging(this WebApplicationBuilder builder, HostConsole console, bool quiet)
    {
        // First of all sources, so that any other overrides it.
        ((IConfigurationBuilder)builder.Configuration).Sources.Insert(0, new MemoryConfigurationSource
        {
            InitialData =
            [
                new("Logging:LogLevel:OrleansRocketMQ", quiet ? nameof(LogLevel.Error) : nameof(LogLevel.Information)),
                new($"Logging:LogLevel:{LinesCategory}", nameof(LogLevel.Information)),

                // Says with each start that the keys of forms are not encrypted; they never leave the process.
                new("Logging:LogLevel:Microsoft.AspNetCore.DataProtection", nameof(LogLevel.Error)),

                // A probe that asks while the silo starts is answered; it is no failure to tell of.
                new("Logging:LogLevel:Microsoft.Extensions.Diagnostics.HealthChecks", nameof(LogLevel.None)),

                // Takes the time since the machine's start for that of its own check.
                new("Logging:LogLevel:Orleans.Runtime.Watchdog", nameof(LogLevel.Error)),
            ],
        });
        builder.Logging.ClearProviders();
        if (IsForCollector(builder.Configuration))
        {
            builder.Logging.AddConsole();
        }
        else
        {
            builder.Logging.AddProvider(new HostConsoleLoggerProvider(console, TimeProvider.System));
        }
    }
}

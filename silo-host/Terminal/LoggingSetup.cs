using Microsoft.Extensions.Configuration.Memory;

namespace OrleansRocketMQ.SiloHost.Terminal;

/// <summary>How the host logs.</summary>
internal static class LoggingSetup
{
    private const string FormatterKey = "Logging:Console:FormatterName";

    /// <param name="builder">The host.</param>
    /// <param name="console">Where to.</param>
    /// <param name="quiet">Only errors, unless the settings say otherwise.</param>
    public static void AddHostLogging(this WebApplicationBuilder builder, HostConsole console, bool quiet)
    {
        // First of all sources, so that any other overrides it.
        ((IConfigurationBuilder)builder.Configuration).Sources.Insert(0, new MemoryConfigurationSource
        {
            InitialData = [new("Logging:LogLevel:OrleansRocketMQ", quiet ? nameof(LogLevel.Error) : nameof(LogLevel.Information))],
        });
        builder.Logging.ClearProviders();

        // The standard console writes when it likes, in the midst of a live line. Where somebody chose a format for a log
        // collector, json or systemd, it is the right one.
        if (builder.Configuration[FormatterKey] is null or "simple")
        {
            builder.Logging.AddProvider(new HostConsoleLoggerProvider(console, TimeProvider.System));
        }
        else
        {
            builder.Logging.AddConsole();
        }
    }
}

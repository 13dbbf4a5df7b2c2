using Microsoft.Extensions.Configuration.Memory;

namespace OrleansRocketMQ.SiloHost.Terminal;

/// <summary>How the host logs.</summary>
internal static class LoggingSetup
{
    /// <summary>The log category of lines meant for people, where a log collector reads the output.</summary>
    public const string LinesCategory = "silo-host";

    private const string OwnCategories = "OrleansRocketMQ.SiloHost.";
    private const string FormatterKey = "Logging:Console:FormatterName";

    // The standard console writes when it likes, in the midst of a live line. Where somebody chose a format for a log
    // collector, json or systemd, it is the right one.
    public static bool IsForCollector(IConfiguration configuration) => configuration[FormatterKey] is not (null or "simple");

    /// <summary>From a moment on, nothing is logged but what this program itself says of it: what is broken off complains.</summary>
    public static void MuteFrom(
        this IServiceCollection services,
        CancellationToken moment) => services.PostConfigure<LoggerFilterOptions>(options =>
    {
        if (!options.Rules.Any(rule => rule is { ProviderName: null, CategoryName: null }))
        {
            options.Rules.Add(new LoggerFilterRule(null, null, options.MinLevel, null));
        }

        for (var index = 0; index < options.Rules.Count; index++)
        {
            var rule = options.Rules[index];
            options.Rules[index] = new LoggerFilterRule(rule.ProviderName, rule.CategoryName, rule.LogLevel, (provider, category, level) =>
                (!moment.IsCancellationRequested || category?.StartsWith(OwnCategories, StringComparison.Ordinal) == true)
                    && rule.Filter?.Invoke(provider, category, level) != false);
        }
    });

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

                // Warns of each part of a stop that takes more than a second, as one that waits for listeners does.
                new("Logging:LogLevel:Orleans.Runtime.SiloLifecycleSubject", nameof(LogLevel.Error)),
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

using Microsoft.Extensions.Logging;
using Orleans.Hosting;
using OrleansRocketMQ.Embedded;

namespace OrleansRocketMQ.TestKit;

/// <summary>How a <see cref="RocketMQTestKit"/> is set up. Immutable.</summary>
public sealed record RocketMQTestKitOptions
{
    // As many levels as a broker has, so that any DelayLevel of a message is allowed.
    private const string QuickDelays = "20ms 20ms 20ms 20ms 20ms 20ms 20ms 20ms 20ms 20ms 20ms 20ms 20ms 20ms 20ms 20ms 20ms 20ms";

    /// <summary>How many silos consume, 1 to 16. Default 1.</summary>
    public short Silos { get; init; } = 1;

    /// <summary>How many queues the topics get that consumers subscribe to, 1 to 1024. Default 4.</summary>
    public int Queues { get; init; } = 4;

    /// <summary>
    /// The embedded broker's options. Default those of the broker, but every delay level is 20 ms long, so that a message that
    /// fails comes again at once. Its clock is <see cref="RocketMQTestKit.Time"/> unless it is given one. Silos sign no
    /// requests and speak no TLS here, so the broker must ask for neither.
    /// </summary>
    public EmbeddedRocketMQOptions Embedded { get; init; } = new() { MessageDelayLevels = QuickDelays };

    /// <summary>How long waits of the test kit take before they fail, more than zero. Default 30 s.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Where the silos log to, such as a provider that writes to a test's output; belongs to the caller. Null (default):
    /// nowhere.
    /// </summary>
    public ILoggerProvider? LoggerProvider { get; init; }

    /// <summary>The least level that <see cref="LoggerProvider"/> gets. Default <see cref="LogLevel.Information"/>.</summary>
    public LogLevel MinimumLogLevel { get; init; } = LogLevel.Information;

    /// <summary>Adds to each silo what listeners need, such as services and grain storage. Null (default): nothing.</summary>
    public Action<ISiloBuilder>? ConfigureSilo { get; init; }

    /// <summary>Whether the broker goes by a clock of the test's own.</summary>
    internal bool HasClock => Embedded.TimeProvider != TimeProvider.System;

    internal void Validate()
    {
        Check(Silos is >= 1 and <= 16, nameof(Silos), Silos, "1 to 16");
        Check(Queues is >= 1 and <= 1024, nameof(Queues), Queues, "1 to 1024");
        Check(Deadline > TimeSpan.Zero, nameof(Deadline), Deadline, "more than zero");
        Check(Embedded is not null, nameof(Embedded), Embedded, "options");
        Check(
            Embedded!.Accounts is null,
            $"{nameof(Embedded)}.{nameof(Embedded.Accounts)}",
            "some",
            "null: silos of a test kit sign no requests");
        Check(
            !Embedded.RequireTls,
            $"{nameof(Embedded)}.{nameof(Embedded.RequireTls)}",
            Embedded.RequireTls,
            "false: silos of a test kit speak no TLS");
    }

    private static void Check(bool good, string field, object? value, string expected)
    {
        if (!good)
        {
            throw new RocketMQConfigurationException(field, value, expected);
        }
    }
}

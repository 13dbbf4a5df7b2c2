using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;
using Orleans.Hosting;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>How long a stop of the host may take. That listeners get no longer than that is looked at by the library.</summary>
internal static class StopTimes
{
    private const string HostKey = "ShutdownTimeoutSeconds";

    /// <exception cref="RocketMQConfigurationException">It is no number of seconds.</exception>
    public static void Check(IConfiguration configuration)
    {
        if (configuration[HostKey] is { Length: > 0 } text && !TryRead(text, out _))
        {
            throw new RocketMQConfigurationException(HostKey, text, "a number of seconds, 1 or more");
        }
    }

    /// <summary>How long the host waits for all of its stop.</summary>
    /// <exception cref="RocketMQConfigurationException">The setting is no number of seconds.</exception>
    public static TimeSpan OfHost(IConfiguration configuration)
    {
        Check(configuration);
        return configuration[HostKey] is { Length: > 0 } text && TryRead(text, out var seconds)
            ? TimeSpan.FromSeconds(seconds)
            : new HostOptions().ShutdownTimeout;
    }

    /// <summary>
    /// A host that may take longer lets grains take longer, too: else Orleans would end queues whose listeners still have
    /// time.
    /// </summary>
    public static void Apply(ISiloBuilder silo, IConfiguration configuration) => silo.Configure<GrainCollectionOptions>(options =>
    {
        if (configuration[HostKey] is { Length: > 0 } text
            && TryRead(text, out var seconds)
            && TimeSpan.FromSeconds(seconds) > options.DeactivationTimeout)
        {
            options.DeactivationTimeout = TimeSpan.FromSeconds(seconds);
        }
    });

    private static bool TryRead(string text, out int seconds)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out seconds) && seconds >= 1;
}

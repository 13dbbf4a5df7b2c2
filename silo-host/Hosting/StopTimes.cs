using System.Globalization;
using Microsoft.Extensions.Configuration;
using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>How the times a stop may take relate to each other.</summary>
internal static class StopTimes
{
    private const string HostKey = "ShutdownTimeoutSeconds";
    private const string ListenersKey = $"{RocketMQOptions.SectionName}:{nameof(RocketMQOptions.ShutdownTimeout)}";
    private const int HostDefaultSeconds = 30;

    /// <exception cref="RocketMQConfigurationException">Listeners may take longer than the host waits.</exception>
    public static void Check(IConfiguration configuration)
    {
        var host = OfHost(configuration);
        var listeners = configuration.GetValue(ListenersKey, new RocketMQOptions().ShutdownTimeout);
        if (listeners >= host)
        {
            throw new RocketMQConfigurationException(
                ListenersKey, listeners, $"less than the {host.TotalSeconds} s the host waits for all of its stop; --{HostKey}=N makes that longer");
        }
    }

    /// <summary>How long the host waits for all of its stop.</summary>
    /// <exception cref="RocketMQConfigurationException">The setting is no number of seconds.</exception>
    public static TimeSpan OfHost(IConfiguration configuration)
    {
        var text = configuration[HostKey];
        var seconds = HostDefaultSeconds;
        return string.IsNullOrEmpty(text) || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out seconds) && seconds >= 1)
            ? TimeSpan.FromSeconds(seconds)
            : throw new RocketMQConfigurationException(HostKey, text, "a number of seconds, 1 or more");
    }
}

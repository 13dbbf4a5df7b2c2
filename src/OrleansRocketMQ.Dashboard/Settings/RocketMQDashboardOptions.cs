using Microsoft.AspNetCore.Http;
using OrleansRocketMQ.Dashboard.Settings;

namespace OrleansRocketMQ.Dashboard;

/// <summary>
/// Who may see the dashboard and who may act with it. Without settings it answers requests of this machine only, and only
/// shows. Read once when the dashboard is mapped.
/// </summary>
public sealed class RocketMQDashboardOptions
{
    /// <summary>
    /// The authorization policy a caller must satisfy to see anything; with one the dashboard answers other machines too.
    /// Null, the default: only requests that come from a loopback address, name a loopback host and show no trace of a
    /// proxy. A proxy on this machine that leaves none cannot be told from a browser: behind a proxy set a policy.
    /// </summary>
    public string? ViewPolicy { get; set; }

    /// <summary>
    /// The authorization policy a caller must satisfy to pause, limit, seek, move, drain, or handle dead letters. Null, the
    /// default: the dashboard only shows, whoever asks.
    /// </summary>
    public string? ActionPolicy { get; set; }

    /// <summary>
    /// Whether bodies of dead letters and parked messages are shown. Null, the default: only with a <see cref="ViewPolicy"/>.
    /// Ids, keys and other properties are shown in any case.
    /// </summary>
    public bool? ShowBodies { get; set; }

    /// <summary>The most bytes of a body that are shown, 0 to 1 MiB. Default 16 KiB.</summary>
    public long MaxBodyBytes { get; set; } = 16 * 1024;

    /// <summary>
    /// How old a status may be before groups are asked anew; all open pages share it. 250 ms to 1 min. Default 1 s. Pages
    /// ask as often as that.
    /// </summary>
    public TimeSpan RefreshInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Whether, with a <see cref="ViewPolicy"/>, other machines are answered by HTTPS alone. Default true: a request of theirs
    /// by plain HTTP gets 403, and a host that listens neither by HTTPS nor on loopback does not start
    /// (<see cref="CheckAddresses"/>). Set it to false where TLS ends before this host, at a proxy or in a mesh, or where the
    /// network is trusted. A host that reads forwarded headers before it routes sees such requests as HTTPS, and may leave it.
    /// </summary>
    public bool RequireHttps { get; set; } = true;

    /// <summary>What the start of a host makes sure of; for who wants to know before.</summary>
    /// <param name="addresses">Where the web server listens, such as <c>https://0.0.0.0:8443</c>.</param>
    /// <exception cref="RocketMQConfigurationException">
    /// Others may see the dashboard (<see cref="ViewPolicy"/>), and all the addresses are plain HTTP towards other machines.
    /// </exception>
    public void CheckAddresses(IEnumerable<string> addresses)
    {
        string[] all = [.. addresses];
        if (ViewPolicy is not null && RequireHttps && all.Length > 0 && !all.Any(Transport.IsPrivate))
        {
            throw new RocketMQConfigurationException(
                nameof(RequireHttps),
                RequireHttps,
                $"an address with https or on loopback beside {string.Join(", ", all)}, "
                    + "or false where TLS ends before this host or the network is trusted");
        }
    }

    /// <summary>Whether a caller's secrets, and what it is answered, may travel the way this request came.</summary>
    public bool AllowsTransport(HttpContext context) => !RequireHttps || Transport.IsPrivate(context);

    internal bool ShowsBodies => ShowBodies ?? ViewPolicy is not null;

    internal void Validate()
    {
        if (MaxBodyBytes is < 0 or > 1024 * 1024)
        {
            throw new RocketMQConfigurationException(nameof(MaxBodyBytes), MaxBodyBytes, "0 to 1048576 bytes");
        }

        if (RefreshInterval < TimeSpan.FromMilliseconds(250) || RefreshInterval > TimeSpan.FromMinutes(1))
        {
            throw new RocketMQConfigurationException(nameof(RefreshInterval), RefreshInterval, "250 ms to 1 min");
        }

        if (ViewPolicy is not null && string.IsNullOrWhiteSpace(ViewPolicy))
        {
            throw new RocketMQConfigurationException(nameof(ViewPolicy), ViewPolicy, "the name of a policy, or null");
        }

        if (ActionPolicy is not null && string.IsNullOrWhiteSpace(ActionPolicy))
        {
            throw new RocketMQConfigurationException(nameof(ActionPolicy), ActionPolicy, "the name of a policy, or null");
        }
    }
}

using System.Net;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>Where the health endpoints are.</summary>
internal static class HealthUrls
{
    private const string Key = "Urls";

    /// <exception cref="RocketMQConfigurationException">An address is none.</exception>
    /// <exception cref="StartException">A port is taken.</exception>
    public static string Read(IConfiguration configuration)
    {
        var urls = Parse(configuration);
        foreach (var (_, address) in urls)
        {
            CheckFree(address);
        }

        return string.Join(' ', urls.Select(url => $"{url.Text.TrimEnd('/')}{HealthPaths.Ready}"));
    }

    /// <exception cref="RocketMQConfigurationException">An address is none.</exception>
    public static IReadOnlyList<(string Text, BindingAddress Address)> Parse(IConfiguration configuration)
    {
        var urls = (configuration[Key] ?? string.Empty)
            .Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return [.. urls.Select(url => (url, Parse(url)))];
    }

    private static BindingAddress Parse(string url)
    {
        try
        {
            // A port of six figures is read without a word.
            return BindingAddress.Parse(url) is { Port: <= IPEndPoint.MaxPort } address ? address : throw Wrong();
        }
        catch (FormatException)
        {
            throw Wrong();
        }

        RocketMQConfigurationException Wrong() => new(Key, url, "an address such as http://127.0.0.1:8088");
    }

    private static void CheckFree(BindingAddress address)
    {
        var ip = address.Host == "localhost"
            ? IPAddress.Loopback
            : IPAddress.TryParse(address.Host.Trim('[', ']'), out var parsed) ? parsed : null;
        if (ip is not null)
        {
            Ports.CheckFree(
                ip,
                address.Port,
                "the health endpoint",
                $"Choose another address: --{Key}=http://127.0.0.1:{address.Port + 1}");
        }
    }
}

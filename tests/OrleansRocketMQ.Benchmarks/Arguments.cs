using System.Globalization;
using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>Arguments of the form <c>--name=value</c> or <c>--name value</c>.</summary>
internal sealed class Arguments
{
    private readonly Dictionary<string, string> _values = new(StringComparer.OrdinalIgnoreCase);

    public string NameServer => this["nameserver"] ?? throw new RocketMQValidationException("--nameserver", null, "host:port");

    public string Topic => this["topic"] ?? "benchmark";

    public int Messages => Number("messages", 1_000_000);

    public int Queues => Number("queues", 8);

    public int BodyLength => Number("body", 1024);

    /// <summary>How messages are got of a broker: pulled, or popped with <c>--pop</c>.</summary>
    public ConsumeMode ConsumeMode => this["pop"] is null ? ConsumeMode.Pull : ConsumeMode.Pop;

    public string? this[string name] => _values.GetValueOrDefault(name);

    public static Arguments Parse(IReadOnlyList<string> args)
    {
        var parsed = new Arguments();
        for (var index = 0; index < args.Count; index++)
        {
            if (!args[index].StartsWith("--", StringComparison.Ordinal))
            {
                continue;
            }

            var parts = args[index][2..].Split('=', 2);
            var hasNext = index + 1 < args.Count && !args[index + 1].StartsWith("--", StringComparison.Ordinal);
            parsed._values[parts[0]] = parts.Length > 1 ? parts[1] : hasNext ? args[index + 1] : "true";
        }

        return parsed;
    }

    /// <summary>Numbers separated by commas.</summary>
    public static int[] Numbers(string text) => [.. text.Split(',').Select(number => int.Parse(number, CultureInfo.InvariantCulture))];

    public int Number(string name, int fallback) => this[name] is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : fallback;
}

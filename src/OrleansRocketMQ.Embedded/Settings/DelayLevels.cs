using System.Globalization;

namespace OrleansRocketMQ.Embedded.Settings;

/// <summary>The waiting times of delay levels, counted from 1. Mirrors <c>ScheduleMessageService.parseDelayLevel</c>.</summary>
internal sealed class DelayLevels
{
    private readonly TimeSpan[] _waits;

    private DelayLevels(TimeSpan[] waits) => _waits = waits;

    public int Max => _waits.Length;

    public TimeSpan this[int level] => _waits[level - 1];

    public static DelayLevels Parse(string? text)
    {
        var parts = (text ?? string.Empty).Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (parts.Length == 0)
        {
            throw Bad(text);
        }

        return new([.. parts.Select(part => ParseOne(part) ?? throw Bad(text))]);
    }

    private static TimeSpan? ParseOne(string text)
    {
        var digits = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        if (digits <= 0 || !int.TryParse(text.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return null;
        }

        return text[digits..] switch
        {
            "ms" => TimeSpan.FromMilliseconds(number),
            "s" => TimeSpan.FromSeconds(number),
            "m" => TimeSpan.FromMinutes(number),
            "h" => TimeSpan.FromHours(number),
            "d" => TimeSpan.FromDays(number),
            _ => null,
        };
    }

    private static RocketMQConfigurationException Bad(string? text)
        => new(nameof(EmbeddedRocketMQOptions.MessageDelayLevels), text, "waiting times such as '1s 5s 1m 2h', separated by blanks");
}

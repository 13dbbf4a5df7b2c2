using System.Globalization;

namespace OrleansRocketMQ.Connections;

/// <summary>Refuses settings that cannot work, naming the setting, its value and what is allowed.</summary>
internal static class SettingRange
{
    // The system's timers take no more than 24.8 days.
    private static readonly TimeSpan LongestTime = TimeSpan.FromDays(24);

    public static void CheckTime(string field, TimeSpan value)
    {
        if (value <= TimeSpan.Zero || value > LongestTime)
        {
            throw new RocketMQConfigurationException(field, value, "a positive time of at most 24 days");
        }
    }

    public static void Check(string field, int value, int least, int most, string unit)
    {
        if (value < least || value > most)
        {
            throw new RocketMQConfigurationException(
                field, value, string.Create(CultureInfo.InvariantCulture, $"{least} to {most} {unit}"));
        }
    }
}

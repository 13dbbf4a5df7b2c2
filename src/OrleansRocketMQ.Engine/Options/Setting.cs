using System.Runtime.CompilerServices;

namespace OrleansRocketMQ.Engine.Options;

/// <summary>Refuses values of settings, naming the setting, the value and what is allowed.</summary>
internal static class Setting
{
    /// <exception cref="RocketMQConfigurationException">It is outside the range.</exception>
    public static void Between<T>(T value, T least, T most, string section, [CallerArgumentExpression(nameof(value))] string field = "")
        where T : IComparable<T>
    {
        if (value.CompareTo(least) < 0 || value.CompareTo(most) > 0)
        {
            throw new RocketMQConfigurationException($"{section}:{Name(field)}", value, $"{least} to {most}");
        }
    }

    /// <exception cref="RocketMQConfigurationException">It is none of the values.</exception>
    public static void Defined<T>(T value, string section, [CallerArgumentExpression(nameof(value))] string field = "")
        where T : struct, Enum
    {
        if (!Enum.IsDefined(value))
        {
            throw new RocketMQConfigurationException($"{section}:{Name(field)}", value, string.Join(", ", Enum.GetNames<T>()));
        }
    }

    private static string Name(string expression) => expression[(expression.LastIndexOf('.') + 1)..];
}

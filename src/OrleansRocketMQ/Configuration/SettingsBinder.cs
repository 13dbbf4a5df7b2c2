using System.Reflection;
using Microsoft.Extensions.Configuration;

namespace OrleansRocketMQ.Configuration;

/// <summary>Sets options from a configuration section, value by value, so that an error can name the one that is wrong.</summary>
internal static class SettingsBinder
{
    /// <summary>Sets every option the section has a value for.</summary>
    /// <param name="section">The section.</param>
    /// <param name="options">Gets the values.</param>
    /// <param name="isElsewhere">
    /// Names that are not options but no mistake either; null when everything else in the section is somebody else's.
    /// </param>
    /// <exception cref="RocketMQConfigurationException">A value cannot be read, or a name is none of an option.</exception>
    public static void Bind(IConfigurationSection section, object options, Func<string, bool>? isElsewhere = null)
    {
        var properties = options.GetType().GetProperties().Where(IsSetting).ToDictionary(
            property => property.Name, StringComparer.OrdinalIgnoreCase);
        foreach (var setting in section.GetChildren())
        {
            if (properties.TryGetValue(setting.Key, out var property))
            {
                Set(options, property, setting);
            }
            else if (isElsewhere?.Invoke(setting.Key) == false)
            {
                throw new RocketMQConfigurationException(
                    setting.Path, setting.Value, $"no such setting, but one of {string.Join(", ", properties.Keys.Order())}");
            }
        }
    }

    // Text, numbers, times and the like; the type of a listener is not told by configuration.
    private static bool IsSetting(PropertyInfo property)
        => property.CanWrite
            && (property.PropertyType.IsValueType || property.PropertyType == typeof(string))
            && property.Name != nameof(ConsumerOptions.Group);

    private static void Set(object options, PropertyInfo property, IConfigurationSection setting)
    {
        var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        var expected = type.IsEnum ? string.Join(", ", Enum.GetNames(type)) : $"a value of type {type.Name}";
        if (setting.GetChildren().Any())
        {
            throw new RocketMQConfigurationException(setting.Path, "(a section)", expected);
        }

        try
        {
            if (setting.Get(property.PropertyType) is { } value)
            {
                property.SetValue(options, value);
            }
        }
        catch (InvalidOperationException)
        {
            throw new RocketMQConfigurationException(setting.Path, setting.Value, expected);
        }
    }
}

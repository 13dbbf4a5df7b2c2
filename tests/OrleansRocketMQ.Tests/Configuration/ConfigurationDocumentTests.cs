using System.Collections;
using System.ComponentModel;
using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.Tests.Configuration;

/// <summary>docs/configuration.md tells of every setting what the code does.</summary>
public sealed partial class ConfigurationDocumentTests
{
    private static readonly string[] Lines = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "docs", "configuration.md"));

    [Theory]
    [InlineData(typeof(RocketMQOptions))]
    [InlineData(typeof(ConsumerOptions))]
    public void Every_option_has_a_row_with_its_default_and_no_row_is_without_its_option(Type type)
    {
        var options = Activator.CreateInstance(type)!;
        var expected = Options(type).Select(property => $"{property.Name} = {Written(property.GetValue(options))}");
        var documented = Rows(type.Name).Select(row => $"{Unquoted(row[0])} = {Unquoted(row[1])}");

        Assert.Equal(expected.Order(StringComparer.Ordinal), documented.Order(StringComparer.Ordinal));
        Assert.All(Rows(type.Name), row => Assert.True(row.Length == 4 && row.All(cell => cell.Length > 0), string.Join(" | ", row)));
    }

    /// <summary>The ends of a range are allowed, what lies just outside is refused by the option's name.</summary>
    [Theory]
    [InlineData(typeof(RocketMQOptions))]
    [InlineData(typeof(ConsumerOptions))]
    public void Every_documented_range_is_the_one_that_is_checked(Type type)
    {
        var ranges = 0;
        foreach (var row in Rows(type.Name))
        {
            var range = Range().Match(row[2]);
            var property = type.GetProperty(Unquoted(row[0]))!;
            if (!range.Success)
            {
                // Numbers and times have a range, if only an upper end that is fixed.
                Assert.True(!IsOrdered(property.PropertyType) || row[2].Contains(" to ", StringComparison.Ordinal), $"{property.Name} has no range");
                continue;
            }

            ranges++;
            var most = Read(property, range.Groups[2].Value);
            Assert.Null(RefusalOf(type, property, most));
            Assert.True(Beyond(most, 1) is not { } above || RefusalOf(type, property, above) == property.Name, $"{property.Name} may be more than {most}");
            if (type.GetProperty(range.Groups[1].Value) is null)
            {
                var least = Read(property, range.Groups[1].Value);
                Assert.Null(RefusalOf(type, property, least));
                Assert.True(Beyond(least, -1) is not { } below || RefusalOf(type, property, below) == property.Name, $"{property.Name} may be less than {least}");
            }
        }

        Assert.True(ranges >= 5, $"only {ranges} ranges");
    }

    [Fact]
    public void Every_environment_variable_has_a_row_with_its_option()
    {
        var documented = Rows("Environment variables").Where(row => row.Length == 3).Select(row => $"{Unquoted(row[0])} sets {Unquoted(row[1])}");

        Assert.Equal(EnvironmentVariables.All.Select(variable => $"{variable.Name} sets {variable.Option}").Order(), documented.Order());
        Assert.All(EnvironmentVariables.All, variable => Assert.NotNull(typeof(ConsumerOptions).GetProperty(variable.Option)));
    }

    private static PropertyInfo[] Options(Type type) => type.GetProperties(BindingFlags.Public | BindingFlags.Instance);

    private static string Written(object? value) => value switch
    {
        null or "" or ICollection { Count: 0 } => "none",
        bool flag => flag ? "true" : "false",
        TimeSpan time => time.ToString("c", CultureInfo.InvariantCulture),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static string? RefusalOf(Type type, PropertyInfo property, object value)
    {
        // The largest that may depend on another one stands at its own largest.
        object options = type == typeof(RocketMQOptions)
            ? new RocketMQOptions()
            : new ConsumerOptions { Group = "g", Listener = typeof(ScriptedListener), Subscriptions = { ["t"] = MessageSelector.All }, ConsumeThreadMax = 1000 };
        property.SetValue(options, value);
        try
        {
            if (options is ConsumerOptions consumer)
            {
                OptionsValidation.Check(consumer);
            }
            else
            {
                OptionsValidation.Check((RocketMQOptions)options);
            }

            return null;
        }
        catch (RocketMQConfigurationException exception)
        {
            return exception.Field[(exception.Field.LastIndexOf(':') + 1)..];
        }
    }

    private static object Read(PropertyInfo property, string text) => TypeDescriptor.GetConverter(property.PropertyType).ConvertFromInvariantString(text)!;

    private static object? Beyond(object value, int step) => value switch
    {
        int number when number != (step > 0 ? int.MaxValue : int.MinValue) => number + step,
        long number when number != (step > 0 ? long.MaxValue : long.MinValue) => number + step,
        TimeSpan time => time + TimeSpan.FromTicks(step),
        _ => null,
    };

    private static bool IsOrdered(Type type) => (Nullable.GetUnderlyingType(type) ?? type) is var plain && (plain == typeof(int) || plain == typeof(long) || plain == typeof(TimeSpan));

    private static IEnumerable<string[]> Rows(string heading) => Lines
        .SkipWhile(line => line != $"## {heading}")
        .Skip(1)
        .TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal))
        .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
        .Select(line => line.Trim('|', ' ').Split(" | ", StringSplitOptions.TrimEntries));

    private static string Unquoted(string cell) => cell.Trim('`');

    [GeneratedRegex("^`([^`]+)` to `([^`]+)`$")]
    private static partial Regex Range();
}

using System.Globalization;

namespace OrleansRocketMQ;

/// <summary>The numbers in what brokers write about pops: digits only, never below zero.</summary>
internal static class PopText
{
    private const int MostShown = 40;

    /// <exception cref="MessageFormatException">The text is no such number.</exception>
    public static long Number(string what, ReadOnlySpan<char> text)
        => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw Bad(what, text, "a whole number, 0 or more");

    /// <inheritdoc cref="Number"/>
    public static int Id(string what, ReadOnlySpan<char> text)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw Bad(what, text, "a whole number of 32 bits, 0 or more");

    /// <exception cref="MessageFormatException">There is no such kind.</exception>
    public static PopTopicKind Kind(ReadOnlySpan<char> text) => text switch
    {
        "0" => PopTopicKind.Normal,
        "1" => PopTopicKind.RetryV1,
        "2" => PopTopicKind.RetryV2,
        _ => throw Bad("kind of topic", text, "0, 1 or 2"),
    };

    public static MessageFormatException Bad(string what, ReadOnlySpan<char> text, string expected)
        => new(what, text.Length > MostShown ? $"'{text[..MostShown]}…'" : $"'{text}'", expected);
}

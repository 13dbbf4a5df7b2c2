using System.Globalization;

namespace OrleansRocketMQ.Dashboard.Access;

/// <summary>Makes what callers wrote fit for a line of a log.</summary>
internal static class LogText
{
    private const int Longest = 500;

    /// <summary>Nothing of it begins a new line, or changes what a terminal shows.</summary>
    public static string Of(string? text)
    {
        var line = text ?? string.Empty;
        line = line.Length > Longest ? string.Concat(line.AsSpan(0, Longest), "...") : line;
        return line.All(IsPlain) ? line : string.Create(line.Length, line, (span, from) =>
        {
            for (var at = 0; at < span.Length; at++)
            {
                span[at] = IsPlain(from[at]) ? from[at] : '?';
            }
        });
    }

    // Besides control characters the separators of Unicode, and those that turn the direction of writing.
    private static bool IsPlain(char letter) => !char.IsControl(letter)
        && char.GetUnicodeCategory(letter)
            is not (UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Format);
}

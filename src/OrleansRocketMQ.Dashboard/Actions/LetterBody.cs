using System.Text;
using OrleansRocketMQ.Dashboard.Status;

namespace OrleansRocketMQ.Dashboard.Actions;

/// <summary>As much of a message's body as may be shown: text where it is text, otherwise hexadecimal.</summary>
internal static class LetterBody
{
    private static readonly UTF8Encoding s_strict = new(false, throwOnInvalidBytes: true);

    public static LetterBodyView Of(MessageExt message, RocketMQDashboardOptions options)
    {
        var body = message.Body.Span;
        var properties = new SortedDictionary<string, string>(message.Properties.ToDictionary(), StringComparer.Ordinal);
        if (!options.ShowsBodies)
        {
            return new(message.MessageId, "hidden", string.Empty, body.Length, IsCut: false, properties);
        }

        var shown = body[..(int)Math.Min(body.Length, options.MaxBodyBytes)];
        var isCut = shown.Length < body.Length;
        return TryText(shown, isCut) is { } text
            ? new(message.MessageId, "text", text, body.Length, isCut, properties)
            : new(message.MessageId, "hex", Hex(shown), body.Length, isCut, properties);
    }

    internal static string? TryText(ReadOnlySpan<byte> bytes, bool isCut)
    {
        // A cut may go through a character of up to four bytes.
        for (var drop = 0; drop <= (isCut ? Math.Min(3, bytes.Length) : 0); drop++)
        {
            try
            {
                var text = s_strict.GetString(bytes[..^drop]);
                return text.Any(letter => char.IsControl(letter) && letter is not ('\n' or '\r' or '\t')) ? null : text;
            }
            catch (DecoderFallbackException)
            {
                // One byte less, or it is no text.
            }
        }

        return null;
    }

    internal static string Hex(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length * 3);
        for (var at = 0; at < bytes.Length; at++)
        {
            text.Append(bytes[at].ToString("x2", System.Globalization.CultureInfo.InvariantCulture)).Append(at % 16 == 15 ? '\n' : ' ');
        }

        return text.ToString().TrimEnd();
    }
}

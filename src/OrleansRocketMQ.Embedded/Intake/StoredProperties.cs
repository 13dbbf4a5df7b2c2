using System.Text;

namespace OrleansRocketMQ.Embedded.Intake;

/// <summary>
/// Property tables as brokers write them: a value may hold what separates names from values, as agents leave it that
/// append without a separator. What was read comes out again as it was. Mirrors <c>MessageDecoder.messageProperties2String</c>.
/// </summary>
internal static class StoredProperties
{
    public static string Encode(IEnumerable<KeyValuePair<string, string>> properties)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in properties)
        {
            text.Append(name).Append((char)MessageProperties.NameValueSeparator);
            text.Append(value).Append((char)MessageProperties.PropertySeparator);
        }

        return text.ToString();
    }

    /// <summary>
    /// The properties of a message of a batch, as they came, and those of the batch behind them: of several with one name the last
    /// holds. Mirrors <c>MessageExtEncoder.encode</c> of a batch.
    /// </summary>
    public static byte[] Join(ReadOnlySpan<byte> own, ReadOnlySpan<byte> common)
    {
        ReadOnlySpan<byte> separator = own.IsEmpty || common.IsEmpty || own[^1] == MessageProperties.PropertySeparator
            ? []
            : [MessageProperties.PropertySeparator];
        return [.. own, .. separator, .. common];
    }
}

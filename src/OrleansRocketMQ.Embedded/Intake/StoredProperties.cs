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
}

using System.Text;
using OrleansRocketMQ.Fuzz.Kernel;

namespace OrleansRocketMQ.Fuzz.Targets;

/// <summary>A stored property table, read as a whole and by name.</summary>
internal sealed class PropertiesTarget : FuzzTarget
{
    public override string Name => "properties";

    public override IReadOnlyList<string> Decoders => [nameof(MessageProperties)];

    public override IReadOnlyList<byte[]> Words { get; } = [[1], [2], [1, 2], "TAGS"u8.ToArray(), "KEYS"u8.ToArray(), [0xC3], [0xF0, 0x9F]];

    public override IEnumerable<byte[]> Seeds() => new[]
    {
        "TAGS\u0001a\u0002KEYS\u0001k1 k2\u0002", "a\u0001b", "\u0002\u0002", "UNIQ_KEY\u0001ä€𝄞\u0002TAGS\u0001a\u0002TAGS\u0001b\u0002",
    }.Select(Encoding.UTF8.GetBytes);

    public override bool Accepts(byte[] input)
    {
        var properties = MessageProperties.Decode(input);
        foreach (var (name, value) in properties)
        {
            var utf8 = Encoding.UTF8.GetBytes(name);
            // What is no UTF-8 becomes another name, which is then not found, or another property is.
            if (MessageProperties.TryFind(input, utf8, out var found) && !name.Contains('\uFFFD', StringComparison.Ordinal))
            {
                Must(Encoding.UTF8.GetString(found) == value, "by its name another value is found");
            }
            else
            {
                Must(name.Contains('\uFFFD', StringComparison.Ordinal), "it is not found by its name");
            }
        }

        return properties.Count > 0 && MayBeWritten(properties);
    }

    private static bool MayBeWritten(Dictionary<string, string> properties)
    {
        string text;
        try
        {
            text = MessageProperties.Encode(properties);
        }
        catch (RocketMQValidationException)
        {
            return false; // A value may hold what stands between names and values: Java reads it so, and nobody may write it.
        }

        var again = MessageProperties.Decode(Encoding.UTF8.GetBytes(text));
        Must(again.Count == properties.Count && again.All(pair => properties[pair.Key] == pair.Value), "written again it is another table");
        return true;
    }
}

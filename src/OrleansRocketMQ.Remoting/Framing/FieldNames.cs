using System.Text;
using System.Text.Json;

namespace OrleansRocketMQ.Framing;

/// <summary>Names of header fields that come with every pull, shared instead of allocated anew for each frame.</summary>
internal static class FieldNames
{
    private static readonly (byte[] Utf8, string Name)[] Frequent = [.. new[]
    {
        "suggestWhichBrokerId", "nextBeginOffset", "minOffset", "maxOffset", "groupSysFlag", "topicSysFlag", "offsetDelta",
        "consumerGroup", "topic", "queueId", "queueOffset", "maxMsgNums", "sysFlag", "commitOffset", "suspendTimeoutMillis",
        "subVersion", "expressionType", "maxMsgBytes", "bname", "offset",
    }.Select(name => (Encoding.UTF8.GetBytes(name), name))];

    public static string Intern(ref Utf8JsonReader json)
    {
        foreach (var (utf8, name) in Frequent)
        {
            if (json.ValueTextEquals(utf8))
            {
                return name;
            }
        }

        return json.GetString()!;
    }

    public static string Intern(ReadOnlySpan<byte> utf8Name)
    {
        foreach (var (utf8, name) in Frequent)
        {
            if (utf8Name.SequenceEqual(utf8))
            {
                return name;
            }
        }

        return Encoding.UTF8.GetString(utf8Name);
    }
}

/// <summary>Values of header fields; the single digits that most flags and ids are come from a shared table.</summary>
internal static class FieldValues
{
    private static readonly string[] Digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

    public static string Read(ref Utf8JsonReader json)
    {
        var value = json.ValueSpan;
        return value.Length == 1 && char.IsAsciiDigit((char)value[0]) ? Digits[value[0] - '0'] : json.GetString()!;
    }
}

using System.Text;
using System.Text.Json;
using OrleansRocketMQ.Fuzz.Kernel;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Fuzz.Targets;

/// <summary>JSON as Java's programs write it, keys without quotes and objects as keys included, and the bodies read from it.</summary>
internal sealed class BodyTarget : FuzzTarget
{
    public override string Name => "json-bodies";

    public override IReadOnlyList<string> Decoders => [nameof(TolerantJson)];

    public override IReadOnlyList<byte[]> Words { get; } =
    [
        .. new[]
        {
            "{", "}", "[", "]", ":", ",", "\"", "\\", "{0:", "{-1:", "{{", "\":", "null", "true", " ", "\t", "brokerDatas", "queueDatas", "brokerAddrs",
            "consumerIdList", "clientID", "1e999", "\\ud800",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    public override IEnumerable<byte[]> Seeds() => RecordedFrames.All
        .Select(frame => frame.Decode().Body.ToArray())
        .Where(body => body.Length is > 2 and < 4096 && body[0] is (byte)'{' or (byte)'[')
        .DistinctBy(body => body.Length)
        .Append("{{\"topic\":\"T\",\"queueId\":1}:{0:\"a\",-1:\"b\"},\"c\":[{1:2}]}"u8.ToArray());

    public override bool Accepts(byte[] input)
    {
        var isAccepted = Normalized(input) is { } normalized && IsJson(normalized);
        if (IsJson(input))
        {
            Must(isAccepted, "well-formed JSON is refused");
        }

        Read(input, ProtocolJson.Default.TopicRouteData);
        Read(input, ProtocolJson.Default.ClusterInfo);
        Read(input, ProtocolJson.Default.HeartbeatData);
        Read(input, ProtocolJson.Default.LockBatchResponse);
        Read(input, ProtocolJson.Default.ConsumerIdList);
        Read(input, ProtocolJson.Default.SubscriptionGroupConfig);
        Read(input, ProtocolJson.Default.BatchAckRequest);
        Read(input, ProtocolJson.Default.QueryAssignmentResponse);
        Read(input, ProtocolJson.Default.MessageRequestModes);
        return isAccepted;
    }

    private static byte[]? Normalized(byte[] input)
    {
        try
        {
            return TolerantJson.Normalize(input).ToArray();
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static bool IsJson(byte[] text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static void Read<T>(byte[] input, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
    {
        try
        {
            Must(TolerantJson.Read(input, type) is not null, "a body that is nothing");
        }
        catch (MessageFormatException)
        {
            // Refused, as its callers expect.
        }
    }
}

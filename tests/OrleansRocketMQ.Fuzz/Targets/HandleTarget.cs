using System.Text;
using OrleansRocketMQ.Fuzz.Kernel;

namespace OrleansRocketMQ.Fuzz.Targets;

/// <summary>What brokers write about pops, and ids of messages that operators type.</summary>
internal sealed class HandleTarget : FuzzTarget
{
    public override string Name => "handles";

    public override IReadOnlyList<string> Decoders => [nameof(ReceiptHandle), nameof(PopText), nameof(OffsetMessageId)];

    public override IReadOnlyList<byte[]> Words { get; } = [.. new[] { " ", ";", ",", "%", "qo", "0", "1", "2", "9223372036854775807", "-1", "+1", "\u0660" }.Select(Encoding.UTF8.GetBytes)];

    public override IEnumerable<byte[]> Seeds() => new[]
    {
        "0 1700000000000 60000 3 0 broker-a 1 42", "5 1 2 999 2 b 0 9", "0 1 5;1 2 7", "0 1 5;0 2 7", "0 1 5,6,7;0 2 8", "0 qo1%5 3;0 1 2",
        "7F00000100002A9F0000000000000010", "00000000000000000000000000000001000000010000000000000010",
    }.Select(Encoding.UTF8.GetBytes);

    public override bool Accepts(byte[] input)
    {
        var text = Encoding.UTF8.GetString(input);
        return Handle(text) | Offsets(text) | Id(text);
    }

    private static bool Handle(string text)
    {
        try
        {
            var handle = ReceiptHandle.Parse(text);
            Must(ReceiptHandle.Parse(handle.ToString()) == handle, "written again it is another handle");
            Must(handle.TopicOf("t", "g") is var topic && (handle.Kind == PopTopicKind.Normal || ReceiptHandle.KindOf(topic) == handle.Kind), "a topic of another kind");
            Must(handle.IsOrdered == (handle.ReviveQueueId == ReceiptHandle.OrderedReviveQueueId), "ordered by half");
            Must(handle.VisibleTime >= handle.PopTime, "visible before it was popped");
            return true;
        }
        catch (MessageFormatException)
        {
            return false;
        }
    }

    private static bool Offsets(string text)
    {
        try
        {
            var offsets = PopOffsets.Parse(text, null, null) ?? PopOffsets.Parse("0 1 5", text, null) ?? PopOffsets.Parse("0 1 5", "0 1 5", text);
            if (offsets is not null && PopOffsets.Parse(offsets.StartOffsetInfo, offsets.MessageOffsetInfo, offsets.OrderCountInfo) is { } again)
            {
                Must(again.StartOffsetInfo == offsets.StartOffsetInfo && again.MessageOffsetInfo == offsets.MessageOffsetInfo, "other offsets");
                Must(again.OrderCountInfo == offsets.OrderCountInfo && again.CountOf(PopTopicKind.Normal, 1, 5) == offsets.CountOf(PopTopicKind.Normal, 1, 5), "other counts");
            }

            return offsets is not null;
        }
        catch (MessageFormatException)
        {
            return false;
        }
    }

    private static bool Id(string text)
    {
        try
        {
            var (host, offset) = OffsetMessageId.Parse(text);
            var (sameHost, sameOffset) = OffsetMessageId.Parse(OffsetMessageId.Format(host, offset));
            Must(sameOffset == offset && sameHost.Port == host.Port && sameHost.Address.MapToIPv6().Equals(host.Address.MapToIPv6()), "written again it is another id");
            return true;
        }
        catch (RocketMQValidationException)
        {
            return false;
        }
    }
}

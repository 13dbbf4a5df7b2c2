using System.Buffers;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Fuzz.Kernel;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Fuzz.Targets;

/// <summary>The answer to a pop: a frame whose header tells where each message in its body lies, and by which handle it is acknowledged.</summary>
internal sealed class PopTarget : FuzzTarget
{
    private const int PopMessage = 200050;
    private static readonly PopRequest Request = new("group", new MessageQueue("topic", "broker", PopRequest.AnyQueue));
    private readonly FrameTarget _frames = new();

    public override string Name => "pops";

    public override IReadOnlyList<string> Decoders => [nameof(PopAnswer), nameof(PoppedMessages), nameof(PopOffsets), nameof(PopResult)];

    public override long MayAllocate(int length) => 8 * CompressionTarget.MayAllocateForBody + 400L * length;

    public override IReadOnlyList<byte[]> Words { get; } =
    [
        .. HeaderTarget.HeaderWords,
        .. new[] { "popTime", "invisibleTime", "reviveQid", "startOffsetInfo", "msgOffsetInfo", "orderCountInfo", "restNum", " ", ";", ",", "qo0%1 2", "0 0 0", "1 0 0", "2 0 0" }
            .Select(System.Text.Encoding.UTF8.GetBytes),
    ];

    public override IEnumerable<byte[]> Seeds()
    {
        foreach (var answer in RecordedFrames.Responses(PopMessage).Where(frame => frame.Bytes.Length < FuzzBuffer.Capacity).Take(4))
        {
            yield return answer.Bytes;
        }

        var command = RemotingCommand.Response(RemotingCommand.Request(PopMessage), 0, body: new StoredMessage
        {
            Topic = "%RETRY%group_topic",
            QueueOffset = 1,
            BornHost = new(System.Net.IPAddress.Loopback, 1),
            StoreHost = new(System.Net.IPAddress.Loopback, 2),
        }.Encode());
        yield return Frames.Encode(command.Set("popTime", 1_700_000_000_000).Set("invisibleTime", 60_000).Set("reviveQid", 999).Set("restNum", 3)
            .Set("startOffsetInfo", "1 0 0;0 0 5").Set("msgOffsetInfo", "1 0 1;0 0 5,6").Set("orderCountInfo", "1 qo0%1 3;0 0 2"));
    }

    public override void Frame(FuzzBuffer input) => _frames.Frame(input);

    public override bool IsFramed(ReadOnlySpan<byte> input) => _frames.IsFramed(input);

    public override bool Accepts(byte[] input)
    {
        try
        {
            var sequence = new ReadOnlySequence<byte>(input);
            if (!FrameReader.TryRead(ref sequence, FrameReader.DefaultMaxFrameLength, out var answer) || PopAnswer.StatusOf(answer!.Code) is null)
            {
                return false;
            }

            var result = PopAnswer.Read(answer, Request);
            foreach (var message in result.Decode(new() { MaxDecompressedLength = 64 * 1024 }))
            {
                var handle = message.ReceiptHandle!.Value;
                Must(ReceiptHandle.Parse(handle.ToString()) == handle, "a handle nobody can send back");
                Must(message.GetProperty(MessageProperties.PopCheckpoint) == handle.ToString(), "a message with another handle");
                Must(message.Properties.Count > 0 && handle.TopicOf("topic", "group").Length > 0 && message.ReconsumeTimes is var _, "no topic");
            }

            _ = PopAnswer.ReadHandle(answer, new(1, 2, 3, 4, PopTopicKind.Normal, "b", 0, 1));
            _ = result.ToString();
            return result.Status == PopStatus.Found;
        }
        catch (Exception exception) when (exception is FrameFormatException or MessageFormatException or RocketMQValidationException)
        {
            return false;
        }
    }
}

using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Wire;

public class RecordedMessageTests
{
    private static IEnumerable<RecordedFrame> FramesWithMessages => RecordedFrames.All.Where(frame => frame.Messages.Count > 0);

    [Fact]
    public void Every_recorded_body_decodes_to_the_messages_Java_reads_from_it()
    {
        var compressions = new HashSet<CompressionType>();
        foreach (var frame in FramesWithMessages)
        {
            var decoded = MessageDecoder.DecodeAll(frame.Decode().Body, "broker-a");
            Assert.Equal(frame.Messages.Count, decoded.Count);
            foreach (var (expected, actual) in frame.Messages.Zip(decoded))
            {
                AssertSame(frame, expected, actual);
                if ((actual.SysFlag & MessageSysFlag.Compressed) != 0)
                {
                    compressions.Add(MessageSysFlag.CompressionOf(actual.SysFlag));
                }
            }
        }

        Assert.Equal([CompressionType.Lz4, CompressionType.Zstd, CompressionType.Zlib], compressions.Order());
    }

    [Fact]
    public void The_stored_checksum_of_every_recorded_message_matches_ours()
    {
        foreach (var frame in FramesWithMessages)
        {
            foreach (var message in MessageDecoder.DecodeAll(frame.Decode().Body, "broker-a", new MessageDecoderOptions { CheckCrc = true }))
            {
                Assert.True(message.BodyError is null || message.BodyError.Field == "body compression", $"{frame}: {message.BodyError?.Message}");
            }
        }
    }

    [Fact]
    public void Encoding_a_recorded_message_again_gives_the_same_bytes()
    {
        foreach (var message in FramesWithMessages.SelectMany(frame => MessageDecoder.DecodeAll(frame.Decode().Body, "broker-a")))
        {
            if (message.IsInnerBatch)
            {
                continue;
            }

            var stored = new StoredMessage
            {
                Topic = message.Topic,
                Body = StoredBody(message),
                Properties = System.Text.Encoding.UTF8.GetString(message.StoredProperties.Span),
                QueueId = message.QueueId,
                QueueOffset = message.QueueOffset,
                CommitLogOffset = message.CommitLogOffset,
                Flag = message.Flag,
                SysFlag = message.SysFlag,
                BornTimestamp = message.BornTimestamp,
                BornHost = message.BornHost,
                StoreTimestamp = message.StoreTimestamp,
                StoreHost = message.StoreHost,
                ReconsumeTimes = message.ReconsumeTimes,
                PreparedTransactionOffset = message.PreparedTransactionOffset,
            };
            Assert.Equal(Convert.ToHexString(message.Record.Span), Convert.ToHexString(stored.Encode()));
        }
    }

    // The body as stored lies right behind the fixed part, whose hosts are IPv4 in all recordings.
    private static ReadOnlyMemory<byte> StoredBody(MessageExt message)
    {
        const int Position = 48 + 8 + 8 + 8 + 4 + 8;
        var length = System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(message.Record.Span[Position..]);
        return message.Record.Slice(Position + 4, length);
    }

    private static void AssertSame(RecordedFrame frame, JsonElement expected, MessageExt actual)
    {
        var place = $"{frame} offset {actual.QueueOffset}";
        Assert.Equal(expected.GetProperty("topic").GetString(), actual.Topic);
        Assert.Equal(expected.GetProperty("queueId").GetInt32(), actual.QueueId);
        Assert.Equal(expected.GetProperty("queueOffset").GetInt64(), actual.QueueOffset);
        Assert.Equal(expected.GetProperty("commitLogOffset").GetInt64(), actual.CommitLogOffset);
        Assert.Equal(expected.GetProperty("storeSize").GetInt32(), actual.StoreSize);
        Assert.Equal(expected.GetProperty("flag").GetInt32(), actual.Flag);
        // Java takes the bit away from what it has decompressed; we tell what is stored.
        Assert.Equal(expected.GetProperty("sysFlag").GetInt32(), actual.SysFlag & ~MessageSysFlag.Compressed);
        Assert.Equal(expected.GetProperty("bornTimestamp").GetInt64(), actual.BornTimestamp);
        Assert.Equal(expected.GetProperty("storeTimestamp").GetInt64(), actual.StoreTimestamp);
        Assert.Equal(Host(expected.GetProperty("bornHost").GetString()!), actual.BornHost);
        Assert.Equal(Host(expected.GetProperty("storeHost").GetString()!), actual.StoreHost);
        Assert.Equal(expected.GetProperty("reconsumeTimes").GetInt32(), actual.ReconsumeTimes);
        Assert.Equal(expected.GetProperty("preparedTransactionOffset").GetInt64(), actual.PreparedTransactionOffset);
        Assert.Equal(expected.GetProperty("bodyCRC").GetInt32(), actual.BodyCrc);
        Assert.Equal(expected.GetProperty("msgId").GetString(), actual.MessageId);
        Assert.Equal(expected.GetProperty("offsetMsgId").GetString(), actual.OffsetMessageId);
        Assert.Equal("broker-a", actual.BrokerName);

        var properties = expected.GetProperty("properties").EnumerateObject().ToDictionary(property => property.Name, property => property.Value.GetString()!);
        foreach (var (name, value) in properties)
        {
            Assert.Equal(value, actual.GetProperty(name));
        }

        Assert.Equal(properties, actual.Properties.ToDictionary());

        var compression = (actual.SysFlag & MessageSysFlag.Compressed) == 0 ? (CompressionType?)null : MessageSysFlag.CompressionOf(actual.SysFlag);
        if (compression is CompressionType.Lz4 or CompressionType.Zstd)
        {
            Assert.Equal("body compression", actual.BodyError?.Field);
            Assert.Equal(compression.ToString(), actual.BodyError?.Value);
            return;
        }

        Assert.True(actual.BodyError is null, $"{place}: {actual.BodyError?.Message}");
        Assert.Equal(expected.GetProperty("bodyLength").GetInt32(), actual.Body.Length);
        Assert.Equal(expected.GetProperty("bodySha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(actual.Body.Span)));
    }

    private static IPEndPoint Host(string text) => IPEndPoint.Parse(text.TrimStart('/'));
}

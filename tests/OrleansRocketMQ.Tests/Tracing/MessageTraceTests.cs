using System.Globalization;
using System.Net;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;
using OrleansRocketMQ.Tracing;

namespace OrleansRocketMQ.Tests.Tracing;

public sealed class MessageTraceTests
{
    private const char Field = '\u0001';
    private const char End = '\u0002';

    [Fact]
    public void Records_are_those_Java_wrote_of_the_same_messages()
    {
        var (before, after) = (0, 0);
        foreach (var frame in RecordedFrames.Requests(RequestCodes.SendMessageV2))
        {
            var sent = frame.Decode();
            if (sent["b"] != SystemTopics.Trace)
            {
                continue;
            }

            var keys = new HashSet<string>();
            foreach (var recorded in Encoding.UTF8.GetString(sent.Body.Span).Split(End, StringSplitOptions.RemoveEmptyEntries))
            {
                var fields = recorded.Split(Field);
                TraceRecord record;
                switch (fields[0])
                {
                    case "SubBefore":
                        before++;
                        record = TraceRecord.Before(fields[3], fields[4], [Message(fields[5], fields[7], fields[2], Number(fields[6]))], Number(fields[1]));
                        break;
                    case "SubAfter":
                        after++;
                        record = TraceRecord.After(
                            fields[8], fields[1], [Message(fields[2], fields[5])], Number(fields[7]), Number(fields[3]), fields[4] == "true", (TraceOutcome)Number(fields[6]));
                        break;
                    default:
                        continue;
                }

                Assert.Equal(recorded + End, record.Text);
                keys.UnionWith(record.Keys);
            }

            if (keys.Count > 0)
            {
                var properties = MessageProperties.Decode(Encoding.UTF8.GetBytes(sent["i"]!));
                Assert.Equal(properties[MessageProperties.Keys].Split(' ').Order(), keys.Order());
            }
        }

        Assert.True(before >= 3 && after >= 3);
    }

    [Fact]
    public void Messages_without_a_region_or_switched_off_are_left_out()
    {
        var trace = NewTrace();

        Assert.Null(trace.Begin(new([Message("A", "k", region: null), Message("B", "k", traceOn: "false")])));
        var call = trace.Begin(new([Message("A", "k", region: null), Message("C", "k"), Message("B", "k", traceOn: "false")]));

        Assert.Equal("C", Assert.Single(call!.Messages).MessageId);
    }

    [Fact]
    public void What_does_not_fit_is_dropped_and_counted()
    {
        // Not started, so nothing is taken out.
        var trace = NewTrace();
        for (var index = 0; index < MessageTrace.QueueLength; index++)
        {
            Assert.NotNull(trace.Begin(new([Message("A", "k")])));
        }

        Assert.Equal(0, trace.Dropped);
        trace.End(trace.Begin(new([Message("A", "k")]))!, succeeded: true, TraceOutcome.Success);
        Assert.Equal(2, trace.Dropped);
    }

    private static MessageTrace NewTrace()
        => new("g", SystemTopics.Trace, () => throw new InvalidOperationException("not started"), TimeProvider.System, NullLogger.Instance);

    private static MessageExt Message(string id, string keys, string? region = "DefaultRegion", long reconsumeTimes = 0, string? traceOn = "true")
    {
        var host = new IPEndPoint(IPAddress.Loopback, 10911);
        var properties = new Dictionary<string, string?>
        {
            [MessageProperties.UniqueKey] = id,
            [MessageProperties.Keys] = keys,
            [MessageProperties.MessageRegion] = region,
            [MessageProperties.TraceSwitch] = traceOn,
        };
        var stored = new StoredMessage
        {
            Topic = "T",
            BornHost = host,
            StoreHost = host,
            ReconsumeTimes = (int)reconsumeTimes,
            Properties = MessageProperties.Encode(properties.Where(pair => pair.Value is not null).Select(pair => KeyValuePair.Create(pair.Key, pair.Value!))),
        };
        return Assert.Single(MessageDecoder.DecodeAll(stored.Encode(), "broker-a"));
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}

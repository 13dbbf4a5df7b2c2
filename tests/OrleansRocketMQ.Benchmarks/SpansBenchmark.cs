using System.Diagnostics;
using System.Net;
using BenchmarkDotNet.Attributes;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Telemetry;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// What the activity of a listener's call for one message costs, and how much of it are .NET's own objects: a bare activity, one with
/// as many tags made beforehand, and that of <see cref="ProcessSpan"/>, of a message whose sender has a trace or not.
/// </summary>
public class SpansBenchmark : IDisposable
{
    private const string Topic = "benchmark";
    private static readonly MessageQueue Queue = new(Topic, "broker-a", 0);
    private static readonly ConsumerRegistry None = new();

    private readonly IDisposable _listener = TelemetryListeners.ToTraces();
    private readonly MessageExt[] _untraced = [Received()];
    private readonly MessageExt[] _traced = [Received(new KeyValuePair<string, string>("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))];
    private readonly ProcessTags _common = ProcessTags.Of(null, "group", None, Queue, Topic);
    private readonly KeyValuePair<string, object?>[] _ofMessage =
    [
        new(MessagingAttributes.DeliveryAttempt, 1), new(MessagingAttributes.MessageId, "0A0B"), new(MessagingAttributes.BodySize, 1024),
        new(MessagingAttributes.MessageType, "normal"),
    ];

    [GlobalSetup]
    public void Check()
    {
        var ours = ProcessSpan.Start(_common, _traced, 0)!;
        ProcessSpan.End(ours, null, null);
        if (ours.TagObjects.Count() != _common.Tags.Length + _ofMessage.Length || ours.Links.Count() != 1)
        {
            throw new InvalidOperationException("Other tags or links than are compared.");
        }
    }

    /// <summary>What no span can do without.</summary>
    [Benchmark(Baseline = true)]
    public void Bare() => RocketMQTelemetry.Source.StartActivity(_common.Name, ActivityKind.Consumer)!.Dispose();

    /// <summary>The same tags as ours, without finding out what they are.</summary>
    [Benchmark]
    public void WithTags()
    {
        var activity = RocketMQTelemetry.Source.StartActivity(
            _common.Name, ActivityKind.Consumer, default(ActivityContext), _common.Tags)!;
        foreach (var (name, value) in _ofMessage)
        {
            activity.AddTag(name, value);
        }

        activity.Dispose();
    }

    [Benchmark]
    public void OfMessage() => ProcessSpan.End(ProcessSpan.Start(_common, _untraced, 0), null, null);

    [Benchmark]
    public void OfTracedMessage() => ProcessSpan.End(ProcessSpan.Start(_common, _traced, 0), null, null);

    public void Dispose()
    {
        _listener.Dispose();
        GC.SuppressFinalize(this);
    }

    private static MessageExt Received(params KeyValuePair<string, string>[] more)
    {
        var into = new List<MessageExt>();
        MessageDecoder.DecodeAll(
            new StoredMessage
            {
                Topic = Topic,
                Body = new byte[1024],
                BornHost = new IPEndPoint(IPAddress.Loopback, 50000),
                StoreHost = new IPEndPoint(IPAddress.Loopback, 10911),
                Properties = MessageProperties.Encode(
                [
                    new("UNIQ_KEY", "FD00000000000000000000000000000220DE5FFD2B2767BDC1890003"), new("WAIT", "true"),
                    new("CLUSTER", "DefaultCluster"), new("MSG_REGION", "DefaultRegion"), new("TRACE_ON", "true"), .. more,
                ]),
            }.Encode(),
            "broker-a",
            into);
        return into[0];
    }
}

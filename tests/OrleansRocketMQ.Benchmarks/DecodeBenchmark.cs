using System.Diagnostics;
using System.Net;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>Decoding the answer of a pull: 32 messages of 1 KiB with six properties, as a Java producer's look.</summary>
internal static class DecodeBenchmark
{
    private const int PerPull = 32;
    private const int Rounds = 40_000;

    public static int Run()
    {
        var records = Records();
        var into = new List<MessageExt>(PerPull);
        for (var warmUp = 0; warmUp < 5; warmUp++)
        {
            Measure(records, into);
        }

        var best = Enumerable.Range(0, 7).Select(_ => Measure(records, into)).MinBy(figure => figure.Nanoseconds);
        Console.WriteLine(FormattableString.Invariant(
            $"decode: {best.Nanoseconds:0} ns and {best.Bytes:0} B allocated per 1 KiB message (best of 7 x {Rounds * PerPull} messages)"));
        return 0;
    }

    private static (double Nanoseconds, double Bytes) Measure(byte[] records, List<MessageExt> into)
    {
        var bytes = GC.GetAllocatedBytesForCurrentThread();
        var start = Stopwatch.GetTimestamp();
        for (var round = 0; round < Rounds; round++)
        {
            into.Clear();
            MessageDecoder.DecodeAll(records, "broker-a", into);
        }

        var elapsed = Stopwatch.GetElapsedTime(start);
        const double Messages = (double)Rounds * PerPull;
        return (elapsed.TotalNanoseconds / Messages, (GC.GetAllocatedBytesForCurrentThread() - bytes) / Messages);
    }

    private static byte[] Records() => [.. Enumerable.Range(0, PerPull).SelectMany(index => new StoredMessage
    {
        Topic = "benchmark",
        Body = new byte[1024],
        QueueOffset = index,
        CommitLogOffset = index * 1300,
        BornHost = new IPEndPoint(IPAddress.Loopback, 50000),
        StoreHost = new IPEndPoint(IPAddress.Loopback, 10911),
        Properties = MessageProperties.Encode(
        [
            new("KEYS", "order-4711"), new("UNIQ_KEY", "FD00000000000000000000000000000220DE5FFD2B2767BDC1890003"), new("WAIT", "true"),
            new("TAGS", "created"), new("CLUSTER", "DefaultCluster"), new("MSG_REGION", "DefaultRegion"),
        ]),
    }.Encode())];
}

using System.Net;
using BenchmarkDotNet.Attributes;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>Decoding the answer of a pull: 32 messages of 1 KiB with six properties, as a Java producer's look.</summary>
public class DecodeBenchmark
{
    private const int PerPull = 32;

    private readonly byte[] _records = Records();
    private readonly List<MessageExt> _into = new(PerPull);

    [GlobalSetup]
    public void Check()
    {
        if (Decode() != PerPull)
        {
            throw new InvalidOperationException("Messages were lost.");
        }
    }

    /// <summary>Figures are per message.</summary>
    [Benchmark(OperationsPerInvoke = PerPull)]
    public int Decode()
    {
        _into.Clear();
        MessageDecoder.DecodeAll(_records, "broker-a", _into);
        return _into.Count;
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

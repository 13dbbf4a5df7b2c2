using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Orleans;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>How often things happened in this process, and how many bytes that were. Thread-safe.</summary>
internal sealed class TrafficCounts
{
    private const string SentBytes = "orleans-messaging-sent-messages-size";

    private readonly ConcurrentDictionary<string, Counted> _counts = new(StringComparer.Ordinal);
    private readonly MeterListener _meters = new();

    public TrafficCounts()
    {
        _meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument is { Meter.Name: "Microsoft.Orleans", IsObservable: false } && (instrument.Name == SentBytes || IsOfDirectory(instrument)))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _meters.SetMeasurementEventCallback<long>((instrument, value, _, _) => AddOfOrleans(instrument, value));
        _meters.SetMeasurementEventCallback<int>((instrument, value, _, _) => AddOfOrleans(instrument, value));
        _meters.Start();
    }

    public IIncomingGrainCallFilter Calls => new CallFilter(this);

    public void Add(string what, long bytes = 0) => _counts.GetOrAdd(what, static _ => new()).Add(bytes);

    /// <summary>Counts what clients ask brokers and name server for, until what is returned is disposed.</summary>
    public IDisposable Watch(EmbeddedRocketMQ rocketmq) => rocketmq.Faults.Inject(Fault.NoAnswer() with
    {
        // Looks at each request, and lets each through.
        When = target =>
        {
            var frame = new ArrayBufferWriter<byte>();
            FrameWriter.Write(frame, target.Request);
            Add($"request {RequestCodes.NameOf(target.Request.Code)}", frame.WrittenCount);
            return false;
        },
    });

    public IReadOnlyDictionary<string, (long Count, long Bytes)> Now() => _counts.ToDictionary(count => count.Key, count => count.Value.Read());

    public IReadOnlyDictionary<string, (long Count, long Bytes)> Since(IReadOnlyDictionary<string, (long Count, long Bytes)> before)
        => Now().Select(now => (now.Key, now.Value.Count - before.GetValueOrDefault(now.Key).Count, now.Value.Bytes - before.GetValueOrDefault(now.Key).Bytes))
            .Where(change => change.Item2 > 0 || change.Item3 > 0)
            .ToDictionary(change => change.Key, change => (change.Item2, change.Item3));

    private static bool IsOfDirectory(Instrument instrument)
        => instrument.Name.StartsWith("orleans-directory-", StringComparison.Ordinal) && instrument.GetType().Name.StartsWith("Counter", StringComparison.Ordinal);

    // Sizes come a message at a time, the directory's counters by how much they grow.
    private void AddOfOrleans(Instrument instrument, long value)
    {
        if (instrument.Name == SentBytes)
        {
            Add("messages between silos", value);
        }
        else
        {
            _counts.GetOrAdd($"directory {instrument.Name["orleans-directory-".Length..]}", static _ => new()).Add(0, value);
        }
    }

    private sealed class Counted
    {
        private long _count;
        private long _bytes;

        public void Add(long bytes, long count = 1)
        {
            Interlocked.Add(ref _count, count);
            Interlocked.Add(ref _bytes, bytes);
        }

        public (long Count, long Bytes) Read() => (Interlocked.Read(ref _count), Interlocked.Read(ref _bytes));
    }

    private sealed class CallFilter(TrafficCounts counts) : IIncomingGrainCallFilter
    {
        public Task Invoke(IIncomingGrainCallContext context)
        {
            if (context.InterfaceMethod.DeclaringType is { } type && type.FullName!.StartsWith("OrleansRocketMQ", StringComparison.Ordinal))
            {
                counts.Add($"call {type.Name}.{context.InterfaceMethod.Name}");
            }

            return context.Invoke();
        }
    }
}

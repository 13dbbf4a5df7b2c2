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
    private readonly ConcurrentDictionary<string, Counted> _counts = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _ofOrleans = new(StringComparer.Ordinal);
    private readonly MeterListener _meters = new();

    public TrafficCounts()
    {
        _meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "Microsoft.Orleans" && instrument.IsObservable && NameOf(instrument.Name) is not null)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _meters.SetMeasurementEventCallback<long>((instrument, value, _, _) => AddOfOrleans(instrument.Name, value));
        _meters.SetMeasurementEventCallback<int>((instrument, value, _, _) => AddOfOrleans(instrument.Name, value));
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

    public IReadOnlyDictionary<string, (long Count, long Bytes)> Now()
    {
        lock (_meters)
        {
            _ofOrleans.Clear();
            _meters.RecordObservableInstruments();
            var now = _counts.ToDictionary(count => count.Key, count => count.Value.Read());
            foreach (var (name, value) in _ofOrleans)
            {
                var (what, isBytes) = NameOf(name)!.Value;
                var (count, bytes) = now.GetValueOrDefault(what);
                now[what] = isBytes ? (count, bytes + value) : (count + value, bytes);
            }

            return now;
        }
    }

    public IReadOnlyDictionary<string, (long Count, long Bytes)> Since(IReadOnlyDictionary<string, (long Count, long Bytes)> before)
        => Now().Select(now => (now.Key, now.Value.Count - before.GetValueOrDefault(now.Key).Count, now.Value.Bytes - before.GetValueOrDefault(now.Key).Bytes))
            .Where(change => change.Item2 > 0 || change.Item3 > 0)
            .ToDictionary(change => change.Key, change => (change.Item2, change.Item3));

    private static (string What, bool IsBytes)? NameOf(string instrument) => instrument switch
    {
        "orleans-messaging-sent-messages-size-sum" => ("messages between silos", true),
        "orleans-messaging-sent-messages-size-count" => ("messages between silos", false),
        "orleans-directory-lookups-remote-sent" => ("look-ups in the directory of another silo", false),
        "orleans-directory-registrations-single-act-remote-sent" => ("registrations in the directory of another silo", false),
        _ when Environment.GetEnvironmentVariable("SCALE_ALL_METERS") == "1" => (instrument, false),
        _ => null,
    };

    private void AddOfOrleans(string name, long value) => _ofOrleans.AddOrUpdate(name, value, (_, sum) => sum + value);

    private sealed class Counted
    {
        private long _count;
        private long _bytes;

        public void Add(long bytes)
        {
            Interlocked.Increment(ref _count);
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

using System.Diagnostics.Tracing;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>What types the bytes are of that are allocated in this process: the runtime tells of one in about 100,000.</summary>
internal sealed class AllocatedTypes : EventListener
{
    private const EventKeywords Collector = (EventKeywords)0x1;
    private readonly Dictionary<string, long> _bytes = [];
    private readonly Lock _gate = new();

    /// <summary>The types with the most bytes, and what they are for each message.</summary>
    public string Report(long messages)
    {
        lock (_gate)
        {
            return string.Concat(_bytes.OrderByDescending(type => type.Value).Take(24).Select(
                type => FormattableString.Invariant($"; {(double)type.Value / messages:0.0} B {type.Key}")));
        }
    }

    /// <summary>Forgets what was allocated until now.</summary>
    public void Begin()
    {
        lock (_gate)
        {
            _bytes.Clear();
        }
    }

    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        if (eventSource.Name == "Microsoft-Windows-DotNETRuntime")
        {
            EnableEvents(eventSource, EventLevel.Verbose, Collector);
        }
    }

    protected override void OnEventWritten(EventWrittenEventArgs eventData)
    {
        if (eventData.EventName?.StartsWith("GCAllocationTick", StringComparison.Ordinal) != true || eventData.Payload is not { } payload)
        {
            return;
        }

        var type = (string)payload[eventData.PayloadNames!.IndexOf("TypeName")]!;
        var bytes = Convert.ToInt64(payload[eventData.PayloadNames.IndexOf("AllocationAmount64")], System.Globalization.CultureInfo.InvariantCulture);
        lock (_gate)
        {
            _bytes[type] = _bytes.GetValueOrDefault(type) + bytes;
        }
    }
}

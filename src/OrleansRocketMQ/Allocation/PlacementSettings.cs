using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Engine.Allocation;

namespace OrleansRocketMQ.Allocation;

/// <summary>
/// What an operator wants of a group's queues, over the strategy's answer: that some run on a silo of his choice, and that
/// some silos have none. Concerns the silos of this cluster only; no broker and no other member knows of it. Silos are
/// named as <see cref="SiloAddress.ToParsableString"/> does. Immutable.
/// </summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.PlacementSettings")]
internal sealed record PlacementSettings
{
    // Of the pins it was made of; a copy with other pins makes its own.
    [NonSerialized]
    private PinIndex? _index;

    public static PlacementSettings None { get; } = new();

    [Id(0)]
    public IReadOnlyList<QueuePin> Pins { get; init; } = [];

    [Id(1)]
    public IReadOnlyList<string> Drained { get; init; } = [];

    /// <summary>Grows with each change.</summary>
    [Id(2)]
    public long Version { get; init; }

    public bool IsEmpty => Pins.Count == 0 && Drained.Count == 0;

    /// <summary>The silo a queue is to run on; null when that is the strategy's matter.</summary>
    public string? PinOf(MessageQueue queue) => Pins.Count == 0 ? null : Index.SiloOf(queue);

    private PinIndex Index => _index is { } known && ReferenceEquals(known.Pins, Pins) ? known : _index = new PinIndex(Pins);

    // What is derived has no say in whether two are equal.
    public bool Equals(PlacementSettings? other) => other is not null
        && Version == other.Version
        && ReferenceEquals(Pins, other.Pins)
        && ReferenceEquals(Drained, other.Drained);

    public override int GetHashCode() => Version.GetHashCode();

    public PlacementSettings Pin(MessageQueue queue, string silo) => PinOf(queue) == silo
        ? this
        : this with { Pins = [.. Pins.Where(pin => pin.Queue != queue), new(queue, silo)], Version = Version + 1 };

    public PlacementSettings Unpin(MessageQueue queue) => PinOf(queue) is null
        ? this
        : this with { Pins = [.. Pins.Where(pin => pin.Queue != queue)], Version = Version + 1 };

    public PlacementSettings Drain(string silo) => Drained.Contains(silo)
        ? this
        : this with { Drained = [.. Drained, silo], Version = Version + 1 };

    public PlacementSettings Restore(string silo) => Drained.Contains(silo)
        ? this with { Drained = [.. Drained.Where(drained => drained != silo)], Version = Version + 1 }
        : this;

    /// <summary>The same without what concerns silos that are gone: they never come back, their addresses are used once.</summary>
    public PlacementSettings Without(Func<string, bool> isGone) => Pins.Any(pin => isGone(pin.Silo)) || Drained.Any(isGone)
        ? this with
        {
            Pins = [.. Pins.Where(pin => !isGone(pin.Silo))],
            Drained = [.. Drained.Where(silo => !isGone(silo))],
            Version = Version + 1,
        }
        : this;

    /// <summary>The same by client id, as far as it is about silos of the cluster.</summary>
    public AllocationOverrides ToOverrides(ClusterSilos cluster)
    {
        if (IsEmpty)
        {
            return AllocationOverrides.None;
        }

        var clientIds = cluster.Live.ToDictionary(silo => silo.Value.ToParsableString(), silo => silo.Key, StringComparer.Ordinal);
        var pins = new Dictionary<MessageQueue, string>();
        foreach (var pin in Pins)
        {
            if (clientIds.TryGetValue(pin.Silo, out var clientId))
            {
                pins[pin.Queue] = clientId;
            }
        }

        return new AllocationOverrides(
            pins,
            Drained.Select(silo => clientIds.GetValueOrDefault(silo)).OfType<string>().ToHashSet(StringComparer.Ordinal));
    }

    /// <summary>The pins by queue. Immutable.</summary>
    private sealed class PinIndex(IReadOnlyList<QueuePin> pins)
    {
        private readonly Dictionary<MessageQueue, string> _silos
            = pins.DistinctBy(pin => pin.Queue).ToDictionary(pin => pin.Queue, pin => pin.Silo);

        public IReadOnlyList<QueuePin> Pins => pins;

        public string? SiloOf(MessageQueue queue) => _silos.GetValueOrDefault(queue);
    }
}

/// <summary>A queue an operator wants on a silo.</summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.QueuePin")]
internal sealed record QueuePin([property: Id(0)] MessageQueue Queue, [property: Id(1)] string Silo);

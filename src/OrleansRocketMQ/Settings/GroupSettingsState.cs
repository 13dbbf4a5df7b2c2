using Orleans;
using OrleansRocketMQ.Allocation;

namespace OrleansRocketMQ.Management;

/// <summary>
/// What is stored of a group's run-time settings. Arrays and dictionaries only, with setters: storages write it in formats
/// of their own, and not all of them can make an immutable object again.
/// </summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.GroupSettingsState")]
internal sealed class GroupSettingsState
{
    [Id(0)]
    public StoredScope[] Paused { get; set; } = [];

    [Id(1)]
    public Dictionary<string, double> RateLimits { get; set; } = new(StringComparer.Ordinal);

    [Id(2)]
    public long FlowVersion { get; set; }

    [Id(3)]
    public StoredPin[] Pins { get; set; } = [];

    [Id(4)]
    public string[] Drained { get; set; } = [];

    [Id(5)]
    public long PlacementVersion { get; set; }

    [Id(6)]
    public StoredSeek[] Seeks { get; set; } = [];

    [Id(10)]
    public StoredBreaker[] Breakers { get; set; } = [];

    [Id(11)]
    public StoredStop[] Stopped { get; set; } = [];

    public static GroupSettingsState Of(GroupSettings settings) => new()
    {
        Paused = [.. settings.Flow.Paused.Select(StoredScope.Of)],
        RateLimits = new(settings.Flow.RateLimits, StringComparer.Ordinal),
        FlowVersion = settings.Flow.Version,
        Pins = [.. settings.Placement.Pins.Select(pin => new StoredPin { Queue = StoredQueue.Of(pin.Queue), Silo = pin.Silo })],
        Drained = [.. settings.Placement.Drained],
        PlacementVersion = settings.Placement.Version,
        Seeks =
        [
            .. settings.Flow.Seeks.Select(mark => new StoredSeek
            {
                Scope = StoredScope.Of(mark.Scope),
                Seek = mark.Reading.Seek,
                Effects = mark.Reading.Effects,
            }),
        ],
        Breakers = [.. settings.Flow.Breakers.Select(StoredBreaker.Of)],
        Stopped = [.. settings.Flow.Stopped.Select(StoredStop.Of)],
    };

    public GroupSettings ToSettings() => new(
        new FlowSettings
        {
            Paused = [.. Paused.Select(scope => scope.ToScope())],
            RateLimits = RateLimits,
            Version = FlowVersion,
            Seeks = [.. Seeks.Select(seek => new SeekMark(seek.Scope!.ToScope(), new(seek.Seek, seek.Effects)))],
            Breakers = [.. Breakers.Select(breaker => breaker.ToStatus())],
            Stopped = [.. Stopped.Select(stop => stop.ToStoppedQueue())],
        },
        new PlacementSettings
        {
            Pins = [.. Pins.Select(pin => new QueuePin(pin.Queue!.ToQueue(), pin.Silo))],
            Drained = [.. Drained],
            Version = PlacementVersion,
        });
}

/// <summary>A part of a group.</summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.StoredScope")]
internal sealed class StoredScope
{
    [Id(0)]
    public string? Topic { get; set; }

    [Id(1)]
    public StoredQueue? Queue { get; set; }

    public static StoredScope Of(ConsumerScope scope) => new() { Topic = scope.Topic, Queue = StoredQueue.Of(scope.Queue) };

    public ConsumerScope ToScope() => Queue is not null ? ConsumerScope.OfQueue(Queue.ToQueue())
        : Topic is not null ? ConsumerScope.OfTopic(Topic)
        : ConsumerScope.Everything;
}

/// <summary>A queue that is to run on a silo.</summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.StoredPin")]
internal sealed class StoredPin
{
    [Id(0)]
    public StoredQueue? Queue { get; set; }

    [Id(1)]
    public string Silo { get; set; } = string.Empty;
}

/// <summary>A seek of an operator.</summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.StoredSeek")]
internal sealed class StoredSeek
{
    [Id(0)]
    public StoredScope? Scope { get; set; }

    [Id(1)]
    public long Seek { get; set; }

    [Id(2)]
    public long Effects { get; set; }
}

/// <summary>A queue.</summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.StoredQueue")]
internal sealed class StoredQueue
{
    [Id(0)]
    public string Topic { get; set; } = string.Empty;

    [Id(1)]
    public string Broker { get; set; } = string.Empty;

    [Id(2)]
    public int QueueId { get; set; }

    [return: System.Diagnostics.CodeAnalysis.NotNullIfNotNull(nameof(queue))]
    public static StoredQueue? Of(MessageQueue? queue)
        => queue is null ? null : new() { Topic = queue.Topic, Broker = queue.BrokerName, QueueId = queue.QueueId };

    public MessageQueue ToQueue() => new(Topic, Broker, QueueId);
}

/// <summary>A circuit breaker that is not closed.</summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.StoredBreaker")]
internal sealed class StoredBreaker
{
    [Id(0)]
    public string? Topic { get; set; }

    [Id(1)]
    public bool IsTrial { get; set; }

    [Id(2)]
    public long Since { get; set; }

    [Id(3)]
    public long Until { get; set; }

    [Id(4)]
    public int Openings { get; set; }

    [Id(5)]
    public long Failed { get; set; }

    [Id(6)]
    public long Messages { get; set; }

    [Id(7)]
    public double TrialRate { get; set; }

    public static StoredBreaker Of(BreakerStatus status) => new()
    {
        Topic = status.Topic,
        IsTrial = status.IsTrial,
        Since = status.Since.ToUnixTimeMilliseconds(),
        Until = status.Until.ToUnixTimeMilliseconds(),
        Openings = status.Openings,
        Failed = status.Failed,
        Messages = status.Messages,
        TrialRate = status.TrialRate,
    };

    public BreakerStatus ToStatus() => new()
    {
        Topic = Topic,
        IsTrial = IsTrial,
        Since = DateTimeOffset.FromUnixTimeMilliseconds(Since),
        Until = DateTimeOffset.FromUnixTimeMilliseconds(Until),
        Openings = Openings,
        Failed = Failed,
        Messages = Messages,
        TrialRate = TrialRate,
    };
}

/// <summary>A queue that an error rule has stopped.</summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.StoredStop")]
internal sealed class StoredStop
{
    [Id(0)]
    public StoredQueue? Queue { get; set; }

    [Id(1)]
    public string MessageId { get; set; } = string.Empty;

    [Id(2)]
    public long Offset { get; set; }

    [Id(3)]
    public string Reason { get; set; } = string.Empty;

    [Id(4)]
    public long Since { get; set; }

    [Id(5)]
    public string Silo { get; set; } = string.Empty;

    public static StoredStop Of(StoppedQueue stop) => new()
    {
        Queue = StoredQueue.Of(stop.Queue),
        MessageId = stop.MessageId,
        Offset = stop.Offset,
        Reason = stop.Reason,
        Since = stop.Since.ToUnixTimeMilliseconds(),
        Silo = stop.Silo,
    };

    public StoppedQueue ToStoppedQueue() => new()
    {
        Queue = Queue!.ToQueue(),
        MessageId = MessageId,
        Offset = Offset,
        Reason = Reason,
        Since = DateTimeOffset.FromUnixTimeMilliseconds(Since),
        Silo = Silo,
    };
}

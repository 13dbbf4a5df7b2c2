using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.WarmUp;

/// <summary>The group by which silos warm up. No broker knows it, no silo lists it.</summary>
internal static class WarmUpGroup
{
    // As RocketMQ marks what is its own. Silos of other versions see it in the keys of grains.
    public const string Name = "%WARM-UP%";
    public const string Topic = "warm-up";

    /// <summary>How many messages its queue has.</summary>
    public const int Messages = 6;

    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(20);

    /// <summary>
    /// What goes along with its queue, with all that a real one may bring: a message behind the first one is done already.
    /// </summary>
    public static QueueHandOver HandOver { get; } = new(new(0, 2, [0]), From: string.Empty, FromLeaves: false, HasCheckpoint: false)
    {
        Placement = PlacementSettings.None,
        Flow = FlowSettings.None,
    };

    public static ConsumerOptions CreateOptions() => new()
    {
        Group = Name,
        Listener = typeof(WarmUpListener),
        Subscriptions = { [Topic] = MessageSelector.All },
        ConsumeMode = ConsumeMode.Pull,
        ConsumeThreadMin = 1,
        ConsumeThreadMax = 1,
        RetryInterval = Moment,
        PersistInterval = Moment,

        // The storage is the host's.
        CheckpointInterval = TimeSpan.Zero,
    };
}

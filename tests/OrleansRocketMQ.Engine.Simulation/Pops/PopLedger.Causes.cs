using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Pops;

/// <summary>Why messages come again.</summary>
internal sealed partial class PopLedger
{
    /// <summary>Why a message that is done is given to a listener once more; null when nothing allows it.</summary>
    private string? CauseOf(PopDelivery delivery)
    {
        var message = delivery.Message;
        var before = _last.GetValueOrDefault(message);
        if (message.MovedBackAt is { } moved && (before is null || moved >= Math.Min(before.TakenAt, delivery.TakenAt)))
        {
            return "its queue was moved";
        }

        if (delivery.Lost is { } lost)
        {
            // What is done is what others got then. The answer that brought this one has waited for a member that stood still, say.
            return lost;
        }

        if (before is null)
        {
            return message.Again;
        }

        var holder = before.Holder;
        return before == delivery ? "its listener was asked again"
            : WhyMemberForgets(holder, before.TakenAt)
            ?? (before.HeardAt == long.MaxValue ? "nobody heard that it was done"
            : delivery.IsPopped && !before.IsPopped && WhySwitchForgets(before) is { } switched ? switched
            : holder.HasAbandoned ? "its listener had not ended when the queue left"
            : world.TroubleOf(message.Log) >= before.TakenAt ? "its broker could not be told that it was done"
            : message.Again);
    }

    /// <summary>Why a queue that was pulled and is popped does not say of a message that it is done; null when it should have.</summary>
    private static string? WhySwitchForgets(PopDelivery pulled) => pulled.Holder switch
    {
        var holder when holder.UntoldAt >= pulled.HeardAt => "its queue had come into doubt while it ended",
        var holder when holder.Pulled.At >= pulled.HeardAt && holder.Pulled.Offset < pulled.Message.Offset
            => "one before it was not done when its queue ended",
        _ => null,
    };

    /// <summary>Why the broker has not heard in time of a message that its member has; null when it should have.</summary>
    private string? WhyNotKept(PopDelivery delivery, long since)
    {
        var holder = delivery.Holder;
        return WhyMemberForgets(holder, since)
            ?? (!delivery.IsReceived ? "the answer that brought it was lost"
            : holder.LeftAt >= since ? "its queue had left"
            : world.TroubleOf(holder.Source) >= since ? "its broker could not be told in time"
            : null);
    }

    private static string? WhyMemberForgets(PopHolder holder, long since) => holder.Owner switch
    {
        { IsDead: true, IsLeaving: false } => "its member died",
        { IsDead: true } => "its member left",
        { IsDeclaredDead: true } => "its member counted as dead",
        var owner when owner.StoodStillAt >= since => "its member stood still",
        _ => null,
    };
}

/// <summary>Times and numbers that checks bear with.</summary>
internal static class PopRunLimits
{
    /// <summary>What a broker gives at once.</summary>
    public const int MostPerPop = 32;

    /// <summary>How long a queue that leaves, or a broker that did not answer, may have others wait.</summary>
    public static readonly TimeSpan Leaving = TimeSpan.FromSeconds(8);

    /// <summary>How long a request is on its way.</summary>
    public static readonly TimeSpan OnItsWay = TimeSpan.FromMilliseconds(20);
}

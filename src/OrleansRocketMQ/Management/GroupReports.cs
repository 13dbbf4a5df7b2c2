using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Engine.Allocation;

namespace OrleansRocketMQ.Management;

/// <summary>What the silos of a group have told, put together.</summary>
/// <param name="all">The reports.</param>
/// <param name="errors">Why others told nothing, by silo.</param>
internal sealed class GroupReports(IReadOnlyList<SiloReport> all, IReadOnlyDictionary<string, string> errors)
{
    // A queue that moves may run on one silo while another one already has its allocation.
    private readonly ILookup<MessageQueue, QueueStatus> _queues
        = all.SelectMany(report => report.Statuses ?? []).ToLookup(status => status.Queue);

    public IReadOnlyList<SiloReport> All => all;

    /// <summary>A queue of the group; without figures when nobody has told of it.</summary>
    public QueueStatus Describe(AllocationView view, MessageQueue queue, string? pin)
    {
        var home = view.SiloOf(queue)?.ToParsableString();
        var told = home is null ? null : _queues[queue].FirstOrDefault(status => status.Silo == home) ?? _queues[queue].FirstOrDefault();
        var error = home is null ? string.Empty : errors.GetValueOrDefault(home, string.Empty);
        var status = told ?? new QueueStatus { Queue = queue, LastError = error };
        return status with
        {
            Owner = view.OwnerOf(queue) ?? string.Empty,
            PinnedTo = pin ?? string.Empty,
            IsPinIgnored = pin is not null && pin != home,
            IsMoving = home is not null && (status.Silo != home || !status.HasBegun),
        };
    }
}

using OrleansRocketMQ.Engine.Pop;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Pops;

/// <summary>
/// All that one member has had of one queue at a broker, since brokers and listeners know members and queues and no shares: the
/// pumps of the queue and of its further shares, one after the other or side by side.
/// </summary>
internal sealed class PopHolder(PopMember member, PopLog source)
{
    private readonly List<IGroupQueue> _pumps = [];

    public PopMember Member => member;

    public Owner Owner => member.Owner;

    public PopLog Source => source;

    public string Name => $"{Owner.Name} {source.Id.BrokerName}/{source.Id.QueueId} of {source.Id.Topic}";

    /// <summary>Those that have not ended.</summary>
    public IEnumerable<IGroupQueue> Running => _pumps.Where(static pump => !pump.IsStopped);

    public IEnumerable<PopPump> Popping => Running.OfType<PopPump>();

    /// <summary>When one of them last had ended, or been told to, in ticks of the run; what it then held may come again.</summary>
    public long LeftAt { get; private set; } = long.MinValue / 2;

    /// <summary>Whether one has ended with messages that listeners still had.</summary>
    public bool HasAbandoned => _pumps.Exists(static pump => pump.Abandoned > 0);

    /// <summary>Messages that were done too late, by the engine's count.</summary>
    public long Late => _pumps.OfType<PopPump>().Sum(static pump => pump.Book.Late);

    /// <summary>Messages that were done too late beyond any doubt.</summary>
    public int CertainlyLate { get; set; }

    public void Add(IGroupQueue pump) => _pumps.Add(pump);

    public void Left(long now) => LeftAt = now;

    /// <summary>When one last ended that was pulled and had come into doubt while it ended, in ticks of the run.</summary>
    public long UntoldAt { get; private set; } = long.MinValue / 2;

    public void CouldNotTell(long now) => UntoldAt = now;

    /// <summary>How far the last one was that ended and was pulled, and when that was in ticks of the run.</summary>
    public (long Offset, long At) Pulled { get; private set; } = (0, long.MinValue / 2);

    public void PulledTo(long offset, long now) => Pulled = (offset, now);

    /// <summary>Why no listener may get a message of it now; null when nothing speaks against it.</summary>
    public string? Objection(bool isPaused)
        => Owner.IsDead ? "its owner is dead"
        : Owner.IsFenceClosed ? "the fence is closed"
        : isPaused ? "the queue is paused"
        : _pumps.TrueForAll(static pump => pump.IsEnding) ? "the queue stops"
        : null;
}

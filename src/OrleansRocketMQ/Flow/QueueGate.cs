namespace OrleansRocketMQ.Flow;

/// <summary>
/// Decides whether messages of one queue may go to listeners now, and how many: none while it is paused or fenced off, and
/// no more than its topic's rate allows. Every way of dispatching passes it, because all take messages from <c>QueueRuns</c>.
/// Thread-safe; without pause and limit it costs a look at the clock and some reads.
/// </summary>
internal sealed class QueueGate
{
    private volatile bool _paused;
    private volatile bool _fenced;
    private volatile TopicRate? _rate;

    /// <summary>Whether somebody has paused the queue.</summary>
    public bool IsPaused => _paused;

    /// <summary>Whether it is in doubt that the queue is this silo's.</summary>
    public bool IsFenced => _fenced;

    /// <summary>Asked once per run: whether it is in doubt now, by the clock, before anybody has told.</summary>
    public Func<bool> IsInDoubt { get; set; } = static () => false;

    /// <summary>Whether the queue neither pulls nor hands anything out, for whatever reason.</summary>
    public bool IsShut => _paused || _fenced;

    /// <summary>Whether a message could be handed out now.</summary>
    public bool IsOpen => !IsShut && _rate?.HasToken() is not false;

    /// <summary>How many of that many messages may be handed out now; those that are not must be given back.</summary>
    public int Admit(int most) => IsShut || IsInDoubt() ? 0 : _rate?.Take(most) ?? most;

    public void GiveBack(int unused) => _rate?.Return(unused);

    public void Fence(bool closed) => _fenced = closed;

    public void Set(bool paused, TopicRate? rate)
    {
        _rate = rate;
        _paused = paused;
    }
}

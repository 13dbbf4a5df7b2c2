namespace OrleansRocketMQ.Flow;

/// <summary>
/// Decides whether messages of one queue may go to listeners now, and how many: none while it is paused, and no more
/// than its topic's rate allows. Every way of dispatching passes it, because all take messages from <c>QueueRuns</c>.
/// Thread-safe; without pause and limit it costs two reads.
/// </summary>
internal sealed class QueueGate
{
    private volatile bool _paused;
    private volatile TopicRate? _rate;

    /// <summary>Whether the queue neither pulls nor hands anything out.</summary>
    public bool IsPaused => _paused;

    /// <summary>Whether a message could be handed out now.</summary>
    public bool IsOpen => !_paused && _rate?.HasToken() is not false;

    /// <summary>How many of that many messages may be handed out now; those that are not must be given back.</summary>
    public int Admit(int most) => _paused ? 0 : _rate?.Take(most) ?? most;

    public void GiveBack(int unused) => _rate?.Return(unused);

    public void Set(bool paused, TopicRate? rate)
    {
        _rate = rate;
        _paused = paused;
    }
}

namespace OrleansRocketMQ.Engine.Flow;

/// <summary>
/// Decides whether messages of one queue may go to listeners now, and how many: none while it is paused or fenced off, and
/// no more than its topic's rate allows. Every way of dispatching passes it, because it is asked where messages are leased.
/// Thread-safe; without pause and limit it costs a look at the clock and some reads.
/// </summary>
internal sealed class DispatchGate
{
    private volatile bool _paused;
    private volatile bool _fenced;
    private volatile TopicRate? _rate;
    private volatile InvariantBrokenException? _broken;
    private volatile string? _stopped;

    /// <summary>
    /// Whether somebody has paused the queue, or it stands still by an error rule or since a rule of the engine was broken.
    /// </summary>
    public bool IsPaused => _paused || _stopped is not null || _broken is not null;

    /// <summary>Why an error rule has stopped the queue; null when none has.</summary>
    public string? Stopped => _stopped;

    /// <summary>The rule that was broken; null while all hold.</summary>
    public InvariantBrokenException? Broken => _broken;

    /// <summary>Whether it is in doubt that the queue is this silo's.</summary>
    public bool IsFenced => _fenced;

    /// <summary>Asked for every run: whether it is in doubt now, by the clock, before anybody has told.</summary>
    public Func<bool> IsInDoubt { get; set; } = static () => false;

    /// <summary>Whether the queue neither pulls nor hands anything out, for whatever reason.</summary>
    public bool IsShut => IsPaused || _fenced;

    /// <summary>Whether nothing may be handed out now, by what was told and by the clock.</summary>
    public bool IsClosed => IsShut || IsInDoubt();

    /// <summary>
    /// Whether a message could be handed out now. Says no whenever <see cref="Admit"/> would: whoever looks for work by this
    /// and gets none by that would look again and again, on a thread that others need to close the gate.
    /// </summary>
    public bool IsOpen => !IsClosed && _rate?.HasToken() is not false;

    /// <summary>How many of that many messages may be handed out now. They count as handed out.</summary>
    public int Admit(int most) => IsClosed ? 0 : _rate?.Take(most) ?? most;

    /// <summary>A rule of the engine is broken: the queue stands still until it starts anew.</summary>
    public void Break(string rule) => _broken ??= new InvariantBrokenException(rule);

    /// <summary>An error rule wants the queue to stand still until somebody says otherwise.</summary>
    public void Stop(string reason) => _stopped ??= reason;

    /// <summary>Somebody says otherwise.</summary>
    public void EndStop() => _stopped = null;

    public void Fence(bool closed) => _fenced = closed;

    public void Set(bool paused, TopicRate? rate)
    {
        _rate = rate;
        _paused = paused;
    }
}

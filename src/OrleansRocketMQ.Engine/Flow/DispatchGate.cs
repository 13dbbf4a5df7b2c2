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
    private volatile QueueStop? _stopped;
    private volatile string? _stoppedForAll;

    /// <summary>
    /// Whether somebody has paused the queue, or it stands still by an error rule or since a rule of the engine was broken.
    /// </summary>
    public bool IsPaused => _paused || _stoppedForAll is not null || _stopped is not null || _broken is not null;

    /// <summary>Why an error rule has stopped the queue, here or wherever it was; null when none has.</summary>
    public string? Stopped => _stoppedForAll ?? _stopped?.ToString();

    /// <summary>Told of each stop by an error rule on this member.</summary>
    public Action<QueueStop>? OnStop { get; init; }

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
    public void Stop(QueueStop stop)
    {
        if (Interlocked.CompareExchange(ref _stopped, stop, null) is null)
        {
            OnStop?.Invoke(stop);
        }
    }

    /// <summary>Somebody says otherwise. What the whole cluster knows of ends when that forgets it.</summary>
    public void EndStop() => _stopped = null;

    public void Fence(bool closed) => _fenced = closed;

    /// <summary>What operators and the cluster want of the queue.</summary>
    /// <param name="paused">Whether it is paused.</param>
    /// <param name="rate">How fast it may go; null: at any pace.</param>
    /// <param name="stopped">Why an error rule has stopped it, as the cluster knows; null when it knows of none.</param>
    public void Set(bool paused, TopicRate? rate, string? stopped = null)
    {
        _rate = rate;
        _paused = paused;
        if (stopped is not null || _stoppedForAll is not null)
        {
            // It is the cluster's and ends with that; so does one that a call made which still ran meanwhile. Before it ends, so
            // that a stop that comes from then on counts.
            _stopped = null;
        }

        _stoppedForAll = stopped;
    }
}

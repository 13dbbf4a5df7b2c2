using OrleansRocketMQ.Engine.Simulation.Kernel;

namespace OrleansRocketMQ.Engine.Simulation.World;

/// <summary>A message as a queue of the simulated broker has it.</summary>
/// <param name="Origin">Which message it is, or is a copy of.</param>
/// <param name="Offset">Where it lies.</param>
/// <param name="Key">Its key.</param>
/// <param name="Tag">Its tag.</param>
/// <param name="BodyLength">The length of its body.</param>
/// <param name="Attempts">How often it has failed before.</param>
/// <param name="IsPoison">Whether it always fails.</param>
internal sealed record SimulatedMessage(int Origin, long Offset, int Key, int Tag, int BodyLength, int Attempts, bool IsPoison)
{
    /// <summary>Whether the broker has no copy of its own any more that it could bring again.</summary>
    public bool IsGone { get; init; }
}

/// <summary>What a broker says to a pull.</summary>
internal enum PullVerdict
{
    Found,
    NothingNew,
    NothingMatched,

    /// <summary>The queue must go on elsewhere.</summary>
    Moved,
}

/// <summary>The answer to a pull.</summary>
/// <param name="Verdict">What it is.</param>
/// <param name="Messages">The messages, if any.</param>
/// <param name="Next">Where to go on.</param>
/// <param name="Max">Where the queue ends.</param>
internal sealed record SimulatedPullAnswer(PullVerdict Verdict, IReadOnlyList<SimulatedMessage> Messages, long Next, long Max);

/// <summary>One queue at the simulated broker, with what the broker knows of its only group.</summary>
internal sealed class SimulatedQueue(int index, string name, MessageQueue id)
{
    private readonly List<SimulatedMessage> _messages = [];
    private readonly List<long> _storedSinceMove = [];
    private TaskCompletionSource _news = new();

    public int Index => index;

    public string Name => name;

    public MessageQueue Id => id;

    /// <summary>The first offset that is still there.</summary>
    public long Min { get; private set; }

    /// <summary>The next offset to be given.</summary>
    public long Max { get; private set; }

    /// <summary>The group's offset; null when there is none.</summary>
    public long? Stored { get; private set; }

    /// <summary>Where the next pull is to be sent; null when nowhere.</summary>
    public long? ResetTo { get; set; }

    /// <summary>Who has the queue's lock; null when nobody has.</summary>
    public string? LockHolder { get; private set; }

    /// <summary>When the lock ends, in ticks of the run.</summary>
    public long LockedUntil { get; private set; }

    /// <summary>When the broker last forgot whose the lock is, in ticks of the run.</summary>
    public long LockForgottenAt { get; private set; } = long.MinValue / 2;

    public IReadOnlyList<SimulatedMessage> Messages => _messages;

    /// <summary>Adds a message, behind a gap perhaps: brokers leave offsets out. Whoever waits is to be woken then.</summary>
    public SimulatedMessage Add(int gap, Func<long, SimulatedMessage> make)
    {
        var message = make(Max + gap);
        _messages.Add(message);
        Max = message.Offset + 1;
        return message;
    }

    /// <summary>Whoever waits for news looks again.</summary>
    public void Wake()
    {
        var news = _news;
        _news = new TaskCompletionSource();
        news.SetResult();
    }

    /// <summary>Ends when there may be something new.</summary>
    public Task NewsAsync() => _news.Task;

    /// <summary>Answers a pull; null when it has to wait.</summary>
    public SimulatedPullAnswer? Serve(long offset, int most, Func<SimulatedMessage, bool> isWanted)
    {
        if (ResetTo is { } reset)
        {
            ResetTo = null;
            return new SimulatedPullAnswer(PullVerdict.Moved, [], reset, Max);
        }

        if (offset < Min || offset > Max)
        {
            return new SimulatedPullAnswer(PullVerdict.Moved, [], offset < Min ? Min : Max, Max);
        }

        if (offset == Max)
        {
            return null;
        }

        var found = new List<SimulatedMessage>();
        var next = offset;
        for (var place = PlaceOf(offset); place < _messages.Count && found.Count < most; place++)
        {
            next = _messages[place].Offset + 1;
            if (isWanted(_messages[place]))
            {
                found.Add(_messages[place]);
            }
        }

        return found.Count == 0
            ? new SimulatedPullAnswer(PullVerdict.NothingMatched, [], next, Max)
            : new SimulatedPullAnswer(PullVerdict.Found, found, next, Max);
    }

    /// <summary>Messages from an offset on, as a pull brings them.</summary>
    public List<SimulatedMessage> Read(long offset, int most)
        => _messages.GetRange(PlaceOf(offset), Math.Min(most, _messages.Count - PlaceOf(offset)));

    /// <summary>The first message at an offset or behind it.</summary>
    public int PlaceOf(long offset)
    {
        var (low, high) = (0, _messages.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = _messages[middle].Offset < offset ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    /// <summary>Stores the group's offset.</summary>
    /// <param name="offset">The offset.</param>
    /// <param name="isMove">Whether somebody wants the group to go on there, or has wanted it since it was stored last.</param>
    public void Store(long offset, bool isMove)
    {
        if (isMove)
        {
            _storedSinceMove.Clear();
        }

        Stored = offset;
        _storedSinceMove.Add(offset);
    }

    /// <summary>The broker has lost what it had not written yet: the offset is one it had before, and locks are gone.</summary>
    public void Restart(SeededRandom random, long now)
    {
        if (_storedSinceMove.Count > 0)
        {
            var last = random.Between(Math.Max(0, _storedSinceMove.Count - 6), _storedSinceMove.Count - 1);
            Stored = _storedSinceMove[last];
            _storedSinceMove.RemoveRange(last + 1, _storedSinceMove.Count - last - 1);
        }

        ForgetLock(now);
        Wake();
    }

    /// <summary>The broker does not know any more whose the lock is; its holder goes on until it is told.</summary>
    public void ForgetLock(long now)
    {
        (LockHolder, LockForgottenAt) = (null, now);
    }

    /// <summary>The oldest messages are gone.</summary>
    public void Drop(long min) => Min = Math.Max(Min, min);

    /// <summary>Takes or renews the lock.</summary>
    public bool Lock(string holder, long now, TimeSpan lasts)
    {
        if (LockHolder is not null && LockHolder != holder && LockedUntil > now)
        {
            return false;
        }

        LockHolder = holder;
        LockedUntil = now + lasts.Ticks;
        return true;
    }

    public void Unlock(string holder)
    {
        if (LockHolder == holder)
        {
            LockHolder = null;
        }
    }
}

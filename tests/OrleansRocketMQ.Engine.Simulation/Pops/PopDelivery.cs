namespace OrleansRocketMQ.Engine.Simulation.Pops;

/// <summary>What the checker knows of a message, wherever it lies and however often.</summary>
internal sealed class PopEntry(int origin, int tag, int bodyLength, bool isPoison, bool isGone)
{
    public int Origin => origin;

    public int Tag => tag;

    public int BodyLength => bodyLength;

    /// <summary>Whether it always fails.</summary>
    public bool IsPoison => isPoison;

    /// <summary>Whether the broker has no copy of its own that it could file as dead.</summary>
    public bool IsGone => isGone;

    /// <summary>Whether a listener has consumed it, and its member has heard of that.</summary>
    public bool IsDone { get; set; }

    /// <summary>Whether it lies among the dead letters, or among what nobody takes.</summary>
    public bool IsDead { get; set; }

    /// <summary>Whether nobody needs to consume it: no tag that is wanted, or an operator has moved its queue over it.</summary>
    public bool IsWaived { get; set; }

    /// <summary>Whether a listener has said that it is to be a dead letter at once.</summary>
    public bool IsRejected { get; set; }

    public bool IsOver => IsDone || IsDead || IsWaived;
}

/// <summary>One delivery of one message to a member.</summary>
/// <param name="message">The message.</param>
/// <param name="holder">Who has it.</param>
/// <param name="at">When it was taken, in ticks of the run.</param>
internal sealed class PopDelivery(LoggedMessage message, PopHolder holder, long at)
{
    public LoggedMessage Message => message;

    public PopEntry Entry => message.Entry;

    public PopHolder Holder => holder;

    public long TakenAt => at;

    /// <summary>By what the broker knows it now; of no use where it was pulled.</summary>
    public ReceiptHandle Handle { get; set; }

    public bool IsPopped => Handle != default;

    /// <summary>By what its member has last heard that the broker knows it.</summary>
    public ReceiptHandle Heard { get; set; }

    /// <summary>Until when the broker keeps it from others.</summary>
    public long HiddenUntil { get; set; }

    /// <summary>Until when its member believes that; before it has the answer, when that was asked for.</summary>
    public long BelievedUntil { get; set; } = long.MaxValue;

    /// <summary>Whether its member has it.</summary>
    public bool IsReceived { get; set; }

    /// <summary>Whether its member has said when it is to come again.</summary>
    public bool IsGivenBack { get; set; }

    /// <summary>Why the broker has offered the message to others although the member had it; null when it has not.</summary>
    public string? Lost { get; set; }

    /// <summary>Whether an operator has moved the queue while it waited.</summary>
    public bool MayBeSkipped { get; set; }

    /// <summary>Whether a listener has it now.</summary>
    public bool IsInWork { get; set; }

    /// <summary>Whether a listener has consumed it, be it that nobody has heard of that.</summary>
    public bool IsConsumed { get; set; }

    /// <summary>A listener has ended with it.</summary>
    public void Ended(bool isConsumed)
    {
        IsInWork = false;
        IsConsumed |= isConsumed;
    }

    /// <summary>When its member heard that it was consumed, in ticks of the run.</summary>
    public long HeardAt { get; set; } = long.MaxValue;

    /// <summary>When the broker heard that it is done; in ticks of the run.</summary>
    public long? AckedAt { get; set; }
}

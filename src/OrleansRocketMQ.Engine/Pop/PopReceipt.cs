namespace OrleansRocketMQ.Engine.Pop;

/// <summary>What has become of a popped message here.</summary>
internal enum PopStep
{
    /// <summary>It waits for a listener, or one works on it.</summary>
    Held,

    /// <summary>It is done; the broker is to hear of it.</summary>
    Done,

    /// <summary>It is to come again; the broker is to hear when.</summary>
    GivenBack,
}

/// <summary>What is to be done about a popped message now.</summary>
internal enum PopDuty
{
    /// <summary>Nothing, or somebody is at it.</summary>
    None,

    /// <summary>Tell the broker that it is done.</summary>
    Acknowledge,

    /// <summary>Have the broker keep it from others for longer.</summary>
    Renew,

    /// <summary>Have the broker bring it again.</summary>
    GiveBack,

    /// <summary>Forget it: it comes again by itself.</summary>
    Forget,
}

/// <summary>
/// One delivery of one message, as a value: by what handle the broker knows it, until when it keeps it from others, and what
/// has become of it here. Times are the clock's time stamps. Immutable.
/// </summary>
/// <param name="Handle">What to tell the broker; the one of the last change.</param>
/// <param name="HiddenUntil">Until when nobody else gets the message.</param>
internal sealed record PopReceipt(ReceiptHandle Handle, long HiddenUntil)
{
    public PopStep Step { get; private init; }

    /// <summary>When it is to come again, when it is given back.</summary>
    public TimeSpan Delay { get; private init; }

    /// <summary>Whether the broker is being told of it: until it has answered nobody knows which handle counts.</summary>
    public bool IsAsked { get; private init; }

    /// <summary>It is done. What was given back before stays so.</summary>
    public PopReceipt Finish() => Step == PopStep.Held ? this with { Step = PopStep.Done } : this;

    /// <summary>It is to come again after a time.</summary>
    public PopReceipt GiveBack(TimeSpan delay) => Step == PopStep.Held ? this with { Step = PopStep.GivenBack, Delay = delay } : this;

    /// <summary>It is to come again at once, though it is done: one before it in its queue comes again.</summary>
    public PopReceipt ComeAgain() => this with { Step = PopStep.GivenBack, Delay = TimeSpan.Zero };

    /// <summary>Others did not get it before a time, since they did not get one before it in its queue.</summary>
    public PopReceipt KeptUntil(long time) => this with { HiddenUntil = Math.Max(HiddenUntil, time) };

    /// <summary>The broker is being told.</summary>
    public PopReceipt Ask()
    {
        Invariant.Holds(!IsAsked, "a broker is told of a popped message by one request at a time");
        return this with { IsAsked = true };
    }

    /// <summary>The broker keeps it from others for longer, and knows it by another handle.</summary>
    public PopReceipt Renewed(ReceiptHandle handle, long hiddenUntil)
        => this with { Handle = handle, HiddenUntil = hiddenUntil, IsAsked = false };

    /// <summary>The broker has not answered; it is told again.</summary>
    public PopReceipt NotAnswered() => this with { IsAsked = false };

    /// <summary>The broker does not have it so any more: others may have it.</summary>
    public PopReceipt Lost(long now) => this with { HiddenUntil = Math.Min(HiddenUntil, now), IsAsked = false };

    /// <summary>Whether others may have it by now.</summary>
    public bool IsVisibleAt(long now) => now >= HiddenUntil;

    /// <summary>What is to be done about it.</summary>
    /// <param name="now">The time.</param>
    /// <param name="ahead">How long before its end the time is prolonged.</param>
    public PopDuty DutyAt(long now, long ahead) => this switch
    {
        { IsAsked: true } => PopDuty.None,
        // One that is late may still come before the broker offers it.
        { Step: PopStep.Done } => PopDuty.Acknowledge,
        { Step: PopStep.GivenBack } => IsVisibleAt(now) ? PopDuty.Forget : PopDuty.GiveBack,
        _ => !IsVisibleAt(now) && now >= HiddenUntil - ahead ? PopDuty.Renew : PopDuty.None,
    };
}

namespace OrleansRocketMQ.Engine.Simulation.World;

/// <summary>What can go wrong in a run, or be asked for by an operator.</summary>
internal enum FaultKind
{
    /// <summary>Answers to pulls take longer than usual, some longer than anybody waits.</summary>
    PullSlow,

    /// <summary>Pulls, or the answers to them, are lost.</summary>
    PullLost,

    /// <summary>Pulls are refused with an error code.</summary>
    PullRefused,

    /// <summary>Pulls are refused since the broker knows of no subscription.</summary>
    PullForgotten,

    /// <summary>The broker asks for patience.</summary>
    PullFlowControl,

    /// <summary>A pull is answered with messages that were given before.</summary>
    PullRepeated,

    /// <summary>Answers of the offset store take longer than usual.</summary>
    StoreSlow,

    /// <summary>What the offset store is told does not reach it.</summary>
    StoreWriteLost,

    /// <summary>The offset store has what it was told, and nobody hears of it.</summary>
    StoreAnswerLost,

    /// <summary>What the offset store is told reaches it after its sender has given up.</summary>
    StoreWriteLate,

    /// <summary>The offset store refuses what it is told.</summary>
    StoreRefused,

    /// <summary>The offset store cannot be read.</summary>
    StoreUnreadable,

    /// <summary>Requests for queue locks, or the answers to them, are lost.</summary>
    LockLost,

    /// <summary>Another member of the group has a queue's lock for a while, and goes on with the queue.</summary>
    LockTaken,

    /// <summary>What listeners could not consume is refused.</summary>
    SendBackRefused,

    /// <summary>What listeners could not consume is taken, and nobody hears of it.</summary>
    SendBackAnswerLost,

    /// <summary>All connections to the broker are cut, and no new one comes about for a while.</summary>
    BrokerAway,

    /// <summary>A broker takes requests and answers none.</summary>
    BrokerSilent,

    /// <summary>The broker starts anew: connections are cut, locks are forgotten, stored offsets are older.</summary>
    BrokerRestart,

    /// <summary>An operator resets the offset at the broker, which says so in its next answer, once.</summary>
    BrokerReset,

    /// <summary>The broker drops its oldest messages.</summary>
    Retention,

    /// <summary>An owner is in doubt whether its queues are its own.</summary>
    FenceClosed,

    /// <summary>The same, and another member goes on with a queue meanwhile.</summary>
    Overtaken,

    /// <summary>Listeners fail.</summary>
    ListenerFails,

    /// <summary>Listeners take long.</summary>
    ListenerSlow,

    /// <summary>Listeners do not end before their token fires.</summary>
    ListenerHangs,

    /// <summary>Listeners end long after their token has fired.</summary>
    ListenerIgnoresToken,

    /// <summary>Listeners hold their thread: not even their time-out can end the call.</summary>
    ListenerHoldsThread,

    /// <summary>Listeners cannot be reached, or their answer is lost.</summary>
    ListenerUnreachable,

    /// <summary>One of a member's listeners cannot be reached, whatever it is given.</summary>
    ListenerGone,

    /// <summary>Listeners leave their silo: they take nothing, and whether they are ready cannot always be asked.</summary>
    ListenerLeaves,

    /// <summary>What listeners have registered with their token throws when that fires.</summary>
    ListenerCallbackThrows,

    /// <summary>A message fails however often it is tried; some the broker cannot take back either, only a copy of them.</summary>
    Poison,

    /// <summary>An owner dies; others take its queues.</summary>
    OwnerKilled,

    /// <summary>A queue moves to another owner, with how far it is.</summary>
    HandOver,

    /// <summary>A queue moves to another owner, and how far it is gets lost.</summary>
    HandOverBroken,

    /// <summary>An operator moves a queue back.</summary>
    SeekBack,

    /// <summary>An operator moves a queue forward.</summary>
    SeekForward,

    /// <summary>An operator asks for a seek and does not wait for it.</summary>
    SeekWithdrawn,

    /// <summary>An operator pauses a queue.</summary>
    Pause,

    /// <summary>An operator resumes a queue that was paused.</summary>
    Resume,

    /// <summary>An operator limits how many messages a second are handed out.</summary>
    RateLimit,

    /// <summary>The subscription changes: other tags are wanted for a while.</summary>
    SubscriptionChange,

    /// <summary>An operator lets queues go on that stand still after failures.</summary>
    Recovery,

    /// <summary>The storage of records takes its time.</summary>
    StorageSlow,

    /// <summary>The storage of records refuses what it is asked.</summary>
    StorageRefused,

    /// <summary>The storage of records does not answer, and may do what it was asked long after it was given up.</summary>
    StorageHangs,

    /// <summary>The storage of records does what it is asked, and nobody hears of it.</summary>
    StorageAnswerLost,

    /// <summary>The storage of records has lost the record of a queue.</summary>
    StorageForgets,

    /// <summary>A queue moves to another owner, which does not start: a third one begins without a word of how far it is.</summary>
    HandOverFails,

    /// <summary>A member stands still, and goes on as if nothing had been.</summary>
    Standstill,

    /// <summary>One more member comes, and some of the queues go to it.</summary>
    MemberJoins,

    /// <summary>A member hands its queues to the others and ends.</summary>
    MemberLeaves,

    /// <summary>What is new of the cluster's members, of a broker's list and of what operators want reaches a member late.</summary>
    MembershipLate,

    /// <summary>Calls that start a queue do not reach its grain, or the answer is lost.</summary>
    StartLost,

    /// <summary>
    /// All is consumed and committed; then an owner dies, and an operator resets the offset at the broker before another has the
    /// queue. Nobody is told.
    /// </summary>
    ResetWhileDown,

    /// <summary>What a broker is told of popped messages does not reach it.</summary>
    TellingLost,

    /// <summary>A broker has what it was told of popped messages, and nobody hears of it.</summary>
    TellingUnheard,

    /// <summary>What a broker is told of popped messages reaches it after its sender has given up.</summary>
    TellingLate,

    /// <summary>What a broker is told of popped messages comes to it twice.</summary>
    TellingDoubled,

    /// <summary>A broker refuses what it is told of popped messages.</summary>
    TellingRefused,

    /// <summary>An operator has the messages of a broker pulled that were popped, or the other way round.</summary>
    ModeSwitch,
}

/// <summary>One fault, as a value: a run with fewer of them is otherwise the same run.</summary>
/// <param name="Kind">What.</param>
/// <param name="At">When it begins.</param>
/// <param name="Lasts">How long it lasts.</param>
/// <param name="Target">Which queue or owner, modulo how many there are.</param>
/// <param name="Amount">How much, from 0 to 99.</param>
/// <param name="When">
/// The state its queue must enter after <paramref name="At"/>, as the table of states calls it, or one of the moments of
/// <see cref="Triggers"/>; null when it begins by the clock.
/// </param>
internal sealed record Fault(FaultKind Kind, TimeSpan At, TimeSpan Lasts, int Target, int Amount, string? When = null)
{
    public TimeSpan Until => At + Lasts;

    public override string ToString()
        => FormattableString.Invariant(
            $"{Kind} at {At.TotalSeconds:0.000} s{(When is null ? string.Empty : $" when {When}")} for {Lasts.TotalSeconds:0.000} s, target {Target}, amount {Amount}");
}

namespace OrleansRocketMQ.Protocol;

/// <summary>Bits of a pull request's <c>sysFlag</c>, as in <c>PullSysFlag</c>.</summary>
[Flags]
public enum PullSysFlag
{
    /// <summary>None of the following.</summary>
    None = 0,

    /// <summary>The request also commits an offset.</summary>
    CommitOffset = 1,

    /// <summary>The broker may hold the request until messages arrive.</summary>
    Suspend = 2,

    /// <summary>The request carries the subscription expression.</summary>
    Subscription = 4,

    /// <summary>Class filter; gone.</summary>
    ClassFilter = 8,

    /// <summary>The request comes from a lite pull consumer.</summary>
    LitePull = 16,
}

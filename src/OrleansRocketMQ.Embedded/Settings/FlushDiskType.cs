namespace OrleansRocketMQ.Embedded;

/// <summary>When what a broker has stored is on the disk. Mirrors <c>FlushDiskType</c>.</summary>
public enum FlushDiskType
{
    /// <summary>When the operating system writes it: what was acknowledged survives a crash of the process, not of the machine.</summary>
    Async = 0,

    /// <summary>Before it is acknowledged. Messages that come at the same time are written together.</summary>
    Sync = 1,
}

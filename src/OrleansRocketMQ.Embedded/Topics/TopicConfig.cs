namespace OrleansRocketMQ.Embedded.Topics;

/// <summary>A topic on one broker. Immutable. Mirrors <c>TopicConfig</c>.</summary>
internal sealed record TopicConfig(string Name, int ReadQueues, int WriteQueues, int Perm = TopicConfig.ReadWrite)
{
    public const int Inherit = 1;
    public const int Write = 2;
    public const int Read = 4;
    public const int ReadWrite = Read | Write;

    public int SysFlag { get; init; }

    public bool Order { get; init; }

    public string FilterType { get; init; } = "SINGLE_TAG";

    /// <summary>Whether batches stay one record (<c>queue.type=BatchCQ</c>).</summary>
    public bool KeepsBatches { get; init; }

    /// <summary>Where the commit log ended when the topic came to be; what it holds of the topic before that is of a deleted one.</summary>
    public long BornAt { get; init; }

    public bool IsReadable => (Perm & Read) != 0;

    public bool IsWritable => (Perm & Write) != 0;

    public bool IsInherited => (Perm & Inherit) != 0;

    /// <summary>What Java prints in its error messages.</summary>
    public override string ToString()
        => $"TopicConfig [topicName={Name}, readQueueNums={ReadQueues}, writeQueueNums={WriteQueues}, perm={PermText}, "
            + $"topicFilterType={FilterType}, topicSysFlag={SysFlag}, order={(Order ? "true" : "false")}, attributes={{}}]";

    private string PermText => string.Concat(IsReadable ? 'R' : '-', IsWritable ? 'W' : '-', IsInherited ? 'X' : '-');
}

using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Pulls;

/// <summary>The header of a pull. Mirrors <c>PullMessageRequestHeader</c>.</summary>
internal sealed class PullRequest
{
    private const int MostBytes = 128 * 1024 * 1024;

    public PullRequest(RemotingCommand request)
    {
        Group = request.GetRequired("consumerGroup");
        Queue = new(request.GetRequired("topic"), request.GetInt32("queueId"));
        Offset = request.GetInt64("queueOffset");
        MaxMessages = request.GetInt32("maxMsgNums");
        Flags = (PullSysFlag)request.GetInt32("sysFlag");
        CommitOffset = request.GetInt64("commitOffset");
        SuspendTimeout = TimeSpan.FromMilliseconds(request.GetInt64("suspendTimeoutMillis", 0));
        SubVersion = request.GetInt64("subVersion", 0);
        MaxBytes = request.GetInt32("maxMsgBytes", MostBytes);
        Expression = request["subscription"];
        ExpressionType = request["expressionType"];
    }

    public string Group { get; }

    public TopicQueue Queue { get; }

    public long Offset { get; }

    public int MaxMessages { get; }

    public int MaxBytes { get; }

    public PullSysFlag Flags { get; }

    public long CommitOffset { get; }

    public TimeSpan SuspendTimeout { get; }

    public long SubVersion { get; }

    public string? Expression { get; }

    public string? ExpressionType { get; }

    public bool MaySuspend => (Flags & PullSysFlag.Suspend) != 0;
}

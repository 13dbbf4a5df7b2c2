using OrleansRocketMQ.Embedded.Consumers;
using OrleansRocketMQ.Framing;

namespace OrleansRocketMQ.Embedded.Pops;

/// <summary>
/// The header of a pop, or of a question whether there is something to pop, which lacks some of it. Mirrors
/// <c>PopMessageRequestHeader</c> and <c>NotificationRequestHeader</c>.
/// </summary>
internal sealed class PopCommand
{
    /// <summary>More messages than a broker gives at once.</summary>
    public const int MostMessages = 32;

    private const int AtFirst = 0;

    public PopCommand(RemotingCommand request, long now)
    {
        Group = request.GetRequired("consumerGroup");
        Topic = request.GetRequired("topic");
        QueueId = request.GetInt32("queueId");
        MaxMessages = request.GetInt32("maxMsgNums", 1);
        InvisibleTime = request.GetInt64("invisibleTime", 0);
        PollTime = request.GetInt64("pollTime");
        BornTime = request.GetInt64("bornTime", 0) is var born and not 0 ? born : now;
        FromFirst = request.GetInt32("initMode", AtFirst) == AtFirst;
        IsOrdered = request.GetBoolean("order");
        AttemptId = request["attemptId"];
        Expression = request["exp"];
        ExpressionType = request["expType"];

        // What a client with a clock of its own says must not make a request stay for ever.
        Expires = Math.Min(BornTime, now) + Math.Clamp(PollTime, 0, long.MaxValue / 2);
    }

    public string Group { get; }

    public string Topic { get; }

    /// <summary>Below 0: every queue.</summary>
    public int QueueId { get; }

    public int MaxMessages { get; }

    /// <summary>In milliseconds, like all times here.</summary>
    public long InvisibleTime { get; }

    public long PollTime { get; }

    public long BornTime { get; }

    public bool FromFirst { get; }

    public bool IsOrdered { get; }

    public string? AttemptId { get; }

    public string? Expression { get; }

    public string? ExpressionType { get; }

    /// <summary>Until when it may be held.</summary>
    public long Expires { get; }

    /// <summary>What is wanted.</summary>
    /// <exception cref="RocketMQException">The expression cannot be read.</exception>
    public Subscription Subscription() => string.IsNullOrEmpty(Expression)
        ? Consumers.Subscription.Parse(Topic, MessageSelector.AllTags, null, 0)
        : Consumers.Subscription.Parse(Topic, Expression, ExpressionType, 0);
}

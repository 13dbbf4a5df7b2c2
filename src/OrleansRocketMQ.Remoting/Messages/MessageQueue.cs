using System.Globalization;

namespace OrleansRocketMQ;

/// <summary>
/// One queue of a topic on one broker, or one logical queue of a static topic; the unit of allocation and of ordering.
/// Mirrors <c>org.apache.rocketmq.common.message.MessageQueue</c>, with its order: topic, broker name, queue id.
/// </summary>
/// <param name="Topic">The topic, with its %RETRY% or %DLQ% prefix where it has one.</param>
/// <param name="BrokerName">
/// The name of the broker set that holds the queue; of a logical queue a name that begins with <c>__syslo__</c>.
/// </param>
/// <param name="QueueId">The number of the queue on that broker, or of the logical queue, from 0.</param>
public sealed record MessageQueue(string Topic, string BrokerName, int QueueId) : IComparable<MessageQueue>
{
    /// <summary>How the names of brokers begin that stand for logical queues.</summary>
    internal const string LogicalPrefix = "__syslo__";

    /// <summary>Whether it is a logical queue of a static topic: the route says which broker leads it.</summary>
    internal bool IsLogical => IsLogicalBroker(BrokerName);

    /// <summary>Whether a broker's name stands for logical queues.</summary>
    internal static bool IsLogicalBroker(string brokerName) => brokerName.StartsWith(LogicalPrefix, StringComparison.Ordinal);

    /// <inheritdoc/>
    public int CompareTo(MessageQueue? other)
    {
        if (other is null)
        {
            return 1;
        }

        var order = string.CompareOrdinal(Topic, other.Topic);
        if (order == 0)
        {
            order = string.CompareOrdinal(BrokerName, other.BrokerName);
        }

        return order == 0 ? QueueId.CompareTo(other.QueueId) : order;
    }

    /// <summary>The form Java's client prints, which consistent hashing uses as the queue's key.</summary>
    public override string ToString()
        => string.Create(CultureInfo.InvariantCulture, $"MessageQueue [topic={Topic}, brokerName={BrokerName}, queueId={QueueId}]");

#pragma warning disable CS1591 // Comparison operators say what they do.
    public static bool operator <(MessageQueue left, MessageQueue right) => Compare(left, right) < 0;

    public static bool operator >(MessageQueue left, MessageQueue right) => Compare(left, right) > 0;

    public static bool operator <=(MessageQueue left, MessageQueue right) => Compare(left, right) <= 0;

    public static bool operator >=(MessageQueue left, MessageQueue right) => Compare(left, right) >= 0;
#pragma warning restore CS1591

    private static int Compare(MessageQueue left, MessageQueue right)
    {
        ArgumentNullException.ThrowIfNull(left);
        return left.CompareTo(right);
    }
}

using System.Globalization;
using System.Net;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Intake;

/// <summary>A message on its way into the store; changed by one handler, then stored. Mirrors <c>MessageExtBrokerInner</c>.</summary>
internal sealed class OutgoingMessage
{
    public required string Topic { get; set; }

    public required int QueueId { get; set; }

    public ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>In the order in which they will be stored.</summary>
    public required Dictionary<string, string> Properties { get; init; }

    public int Flag { get; init; }

    public int SysFlag { get; set; }

    public long BornTimestamp { get; init; }

    public required IPEndPoint BornHost { get; init; }

    public int ReconsumeTimes { get; init; }

    public long PreparedTransactionOffset { get; init; }

    /// <summary>Why the message was refused, if there is more to say than that it is too large.</summary>
    public Refusal? Refusal { get; set; }

    /// <summary>The level to wait at before the topic gets the message; a delivered one keeps its property but has 0 here.</summary>
    public int DelayLevel { get; set; }

    /// <summary>The level a property table asks for; 0 for none.</summary>
    public static int DelayLevelOf(IReadOnlyDictionary<string, string> properties)
    {
        var text = properties.GetValueOrDefault(MessageProperties.DelayTimeLevel);
        return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var level)
            ? level
            : 0;
    }

    /// <summary>A copy of a stored message, for another topic. Its body stays as it is stored.</summary>
    public static OutgoingMessage From(
        MessageExt stored,
        ReadOnlyMemory<byte> storedBody,
        string topic,
        int queueId,
        int reconsumeTimes) => new()
    {
        Topic = topic,
        QueueId = queueId,
        Body = storedBody,
        Properties = new(stored.Properties, StringComparer.Ordinal),
        Flag = stored.Flag,
        SysFlag = stored.SysFlag & ~MessageSysFlag.InnerBatch,
        BornTimestamp = stored.BornTimestamp,
        BornHost = stored.BornHost,
        ReconsumeTimes = reconsumeTimes,
    };
}

/// <summary>How a message is refused.</summary>
internal sealed record Refusal(int Code, string Remark);

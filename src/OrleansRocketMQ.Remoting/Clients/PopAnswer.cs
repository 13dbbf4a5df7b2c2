using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>Reads what brokers answer to a pop and to a change of an invisible time.</summary>
internal static class PopAnswer
{
    /// <summary>What brokers say beside the code of a wait that has ended: they have not even begun to, as the clocks differ.</summary>
    private const string TooLate = "timeout too much";

    /// <summary>Whether a pop is refused. One that is taken for late is: who asks again at once is refused again at once.</summary>
    public static bool IsRefusal(RemotingCommand answer) => StatusOf(answer.Code) is null
        || (answer.Code == ResponseCodes.PollingTimeout && answer.Remark?.Contains(TooLate, StringComparison.Ordinal) is true);

    /// <summary>What the code of an answer says; null: the pop is refused.</summary>
    public static PopStatus? StatusOf(int code) => code switch
    {
        ResponseCodes.Success => PopStatus.Found,
        ResponseCodes.PollingFull => PopStatus.PollingFull,
        ResponseCodes.PollingTimeout or ResponseCodes.PullNotFound => PopStatus.NotFound,
        _ => null,
    };

    /// <summary>An answer that is no refusal. One without messages need not tell more than that.</summary>
    /// <exception cref="MessageFormatException">A field is not of its form.</exception>
    /// <exception cref="RocketMQValidationException">A field is absent or not a number.</exception>
    public static PopResult Read(RemotingCommand answer, PopRequest request)
    {
        var status = StatusOf(answer.Code)!.Value;
        var common = new PopResult(status, 0, TimeSpan.Zero, 0, answer.GetInt64("restNum", 0), default)
        {
            Topic = request.Queue.Topic,
            BrokerName = request.Queue.BrokerName,
        };
        return status != PopStatus.Found ? common : common with
        {
            PopTime = CountOf(answer, "popTime"),
            InvisibleTime = TimeOf(answer),
            ReviveQueueId = ReviveQueueIdOf(answer),
            Records = answer.Body,
            Offsets = PopOffsets.Parse(answer["startOffsetInfo"], answer["msgOffsetInfo"], answer["orderCountInfo"]),
        };
    }

    /// <summary>The handle that counts after a change.</summary>
    public static ReceiptHandle? ReadHandle(RemotingCommand answer, ReceiptHandle before)
    {
        // A message popped in order that is acknowledged already is not popped at any time.
        if (answer.Code != ResponseCodes.Success || CountOf(answer, "popTime") is not (> 0 and var popTime))
        {
            return null;
        }

        return before with
        {
            CheckpointOffset = before.QueueOffset,
            PopTime = popTime,
            InvisibleTime = (long)TimeOf(answer).TotalMilliseconds,
            ReviveQueueId = ReviveQueueIdOf(answer),
        };
    }

    private static TimeSpan TimeOf(RemotingCommand answer)
    {
        var milliseconds = CountOf(answer, "invisibleTime");
        return milliseconds <= TimeSpan.MaxValue.Ticks / TimeSpan.TicksPerMillisecond
            ? TimeSpan.FromTicks(milliseconds * TimeSpan.TicksPerMillisecond)
            : throw new MessageFormatException("invisibleTime", answer["invisibleTime"]!, "a time of less than 10,000 years");
    }

    private static int ReviveQueueIdOf(RemotingCommand answer) => PopText.Id("reviveQid", answer.GetRequired("reviveQid"));

    private static long CountOf(RemotingCommand answer, string field) => PopText.Number(field, answer.GetRequired(field));
}

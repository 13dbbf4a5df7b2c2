using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>Reads what brokers answer to a pull.</summary>
internal static class PullAnswer
{
    /// <summary>What the code of an answer says; null: the pull is refused.</summary>
    public static PullStatus? StatusOf(int code) => code switch
    {
        ResponseCodes.Success => PullStatus.Found,
        ResponseCodes.PullNotFound => PullStatus.NoNewMessage,
        ResponseCodes.PullRetryImmediately => PullStatus.NoMatchedMessage,
        ResponseCodes.PullOffsetMoved => PullStatus.OffsetIllegal,
        _ => null,
    };

    /// <summary>An answer that is no refusal.</summary>
    /// <exception cref="RocketMQValidationException">A field is absent or not a number.</exception>
    public static PullResult Read(RemotingCommand answer) => new(
        StatusOf(answer.Code)!.Value,
        answer.GetInt64("nextBeginOffset"),
        answer.GetInt64("minOffset"),
        answer.GetInt64("maxOffset"),
        answer.GetInt64("suggestWhichBrokerId", BrokerData.MasterId),
        answer.Body)
    {
        OffsetDelta = answer.GetInt64("offsetDelta", 0),
    };

    /// <inheritdoc cref="Read(RemotingCommand)"/>
    public static PullResult Read(in PullAnswerHeader header, ReadOnlyMemory<byte> body) => new(
        StatusOf(header.Code)!.Value, header.NextBeginOffset, header.MinOffset, header.MaxOffset, header.SuggestedBrokerId, body)
    {
        OffsetDelta = header.OffsetDelta,
    };
}

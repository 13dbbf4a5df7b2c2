using OrleansRocketMQ.Brokers;

namespace OrleansRocketMQ.Telemetry;

/// <summary>Tells the silo's meter how long settling takes. Thread-safe.</summary>
internal sealed class SettlementMetrics(RocketMQMetrics metrics) : ISettlements
{
    public bool AreWanted => metrics.OperationHistogram.Enabled;

    public void Settled(Settlement settlement, TimeSpan took, Exception? error)
    {
        KeyValuePair<string, object?>[] tags =
        [
            .. RocketMQMetrics.TagsOf(settlement.Group, settlement.Topic),
            new(MessagingAttributes.OperationName, NameOf(settlement.Kind)),
            new(MessagingAttributes.OperationType, MessagingAttributes.Settle),
            .. OperationDuration.TagsOf(settlement.Server),
        ];
        metrics.Record(
            metrics.OperationHistogram,
            took.TotalSeconds,
            error is null ? tags : [.. tags, new(MessagingAttributes.ErrorType, MessagingAttributes.TypeOf(error))]);
    }

    private static string NameOf(SettlementKind kind) => kind switch
    {
        SettlementKind.Ack => "ack",
        SettlementKind.Nack => "nack",
        _ => "reject",
    };
}

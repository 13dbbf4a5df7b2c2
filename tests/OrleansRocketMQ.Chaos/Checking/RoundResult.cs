using OrleansRocketMQ.Chaos.Plan;

namespace OrleansRocketMQ.Chaos.Checking;

/// <summary>What came of a round.</summary>
internal sealed record RoundResult(RoundPlan Plan, int Sent, int RepeatedSends, RoundCheck Check, TimeSpan Settled, IReadOnlyList<string> Complaints)
{
    public override string ToString() => FormattableString.Invariant(
        $"{(Complaints.Count == 0 ? "ok" : "FAILED")} {Plan} | {Sent} sent, {RepeatedSends} sends failed and were repeated, {Check.Consumed} consumed, {Check.Again} came again, all consumed {Settled.TotalSeconds:0.0} s after the last was sent{string.Concat(Complaints.Select(complaint => $"{Environment.NewLine}  {complaint}"))}");
}

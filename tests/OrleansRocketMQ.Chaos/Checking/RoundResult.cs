using OrleansRocketMQ.Chaos.Plan;

namespace OrleansRocketMQ.Chaos.Checking;

/// <summary>What came of a round.</summary>
internal sealed record RoundResult(RoundPlan Plan, int Sent, int RepeatedSends, RoundCheck Check, TimeSpan Settled, IReadOnlyList<string> Complaints)
{
    /// <summary>Silos that ended by themselves, and were started anew.</summary>
    public int Restarts { get; init; }

    /// <summary>Connections that were cut or made half-dead, and pieces of others that were late.</summary>
    public long Struck { get; init; }

    /// <summary>How often a dashboard was asked meanwhile and has shown all groups.</summary>
    public int Shown { get; init; }

    /// <summary>The longest that the machine let the runner wait.</summary>
    public TimeSpan Stalled { get; init; }

    /// <summary>One line, and one more for each complaint.</summary>
    public override string ToString() => string.Join(
        Environment.NewLine,
        [
            FormattableString.Invariant(
                $"{(Complaints.Count == 0 ? "ok" : "FAILED")} {Plan} | {Sent} sent, {RepeatedSends} sends failed and were repeated, {Check.Consumed} consumed, {Check.Again} came again, all consumed {Settled.TotalSeconds:0.0} s after the last was sent, {Restarts} silos declared dead, {Struck} connections and pieces struck, dashboards shown {Shown} times; the machine stood still for {Stalled.TotalSeconds:0.0} s at most"),
            .. Complaints.Select(complaint => $"  {complaint}"),
        ]);
}

using OrleansRocketMQ.Chaos.Plan;

namespace OrleansRocketMQ.Chaos.Checking;

/// <summary>What came of a round.</summary>
/// <param name="Plan">What was to happen.</param>
/// <param name="Place">What it ran over, and what of the plan could not be done there.</param>
/// <param name="Sent">How many messages were sent.</param>
/// <param name="RepeatedSends">How many sends failed and were repeated.</param>
/// <param name="Check">What listeners have consumed.</param>
/// <param name="Figures">What else was measured of the groups.</param>
/// <param name="Complaints">What must not be.</param>
internal sealed record RoundResult(
    RoundPlan Plan, string Place, int Sent, int RepeatedSends, RoundCheck Check, RoundFigures Figures, IReadOnlyList<string> Complaints)
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
                $"{(Complaints.Count == 0 ? "ok" : "FAILED")} {Plan} | {Place} | {Sent} sent, {RepeatedSends} sends failed and were repeated, {Check.Consumed} consumed; {Figures}; {Restarts} silos declared dead, {Struck} connections and pieces struck, dashboards shown {Shown} times; the machine stood still for {Stalled.TotalSeconds:0.0} s at most"),
            .. Complaints.Select(complaint => $"  {complaint}"),
        ]);
}

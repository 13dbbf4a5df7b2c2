using System.Diagnostics;
using OrleansRocketMQ.Chaos.Plan;
using OrleansRocketMQ.Chaos.World;

namespace OrleansRocketMQ.Chaos.Checking;

/// <summary>A fault as it happened.</summary>
/// <param name="Fault">What the plan had.</param>
/// <param name="From">When it began, by the machine's clock that only goes forward.</param>
/// <param name="To">When it was over.</param>
/// <param name="MayRepeat">
/// Whether messages may come again because of it: those that do so by themselves, and with a member that is no silo all, since it
/// hands over a queue while its listeners still work.
/// </param>
internal sealed record StruckFault(Fault Fault, long From, long To, bool MayRepeat);

/// <summary>
/// Why messages came again, and how many may. A message that was sent twice is two; the others are put down to the last fault that
/// repeats any and that had begun by then, for as long as it may have an effect.
/// </summary>
/// <param name="ByCause">How many, by cause, the most first.</param>
/// <param name="WithoutCause">Those that nothing explains.</param>
/// <param name="Bound">How many faults may bring again at most.</param>
internal sealed record Repeats(IReadOnlyList<(string Cause, int Count)> ByCause, IReadOnlyList<RoundRecord> WithoutCause, int Bound)
{
    private const string SentTwice = "sent twice";

    /// <summary>A popped message whose acknowledgement was lost comes again after a minute; delayed ones and new owners come on top.</summary>
    private static readonly TimeSpan s_late = TimeSpan.FromSeconds(90);

    /// <summary>What was consumed in the time between two commits, and between that and what is then lost, is known to nobody else.</summary>
    private static readonly TimeSpan s_commits = TimeSpan.FromSeconds(10);

    private int FromFaults => ByCause.Where(cause => cause.Cause != SentTwice).Sum(cause => cause.Count);

    /// <param name="again">The deliveries of messages that had been consumed before.</param>
    /// <param name="faults">What happened.</param>
    /// <param name="sentTwice">Whether a message may have been stored more than once.</param>
    public static Repeats Of(IEnumerable<RoundRecord> again, IReadOnlyList<StruckFault> faults, Func<RoundRecord, bool> sentTwice)
    {
        var causes = again.Select(record => (Record: record, Cause: sentTwice(record) ? SentTwice : CauseOf(record, faults))).ToList();
        return new(
            [.. causes.Where(cause => cause.Cause is not null).GroupBy(cause => cause.Cause!)
                .Select(cause => (cause.Key, cause.Count())).OrderByDescending(cause => cause.Item2)],
            [.. causes.Where(cause => cause.Cause is null).Select(cause => cause.Record)],
            faults.Where(struck => struck.MayRepeat).Sum(BoundOf));
    }

    public IEnumerable<string> Complaints()
    {
        if (WithoutCause.Count > 0)
        {
            yield return $"{WithoutCause.Count} messages came again and nothing had happened that repeats any, such as {string.Join(", ", WithoutCause.Take(5))}";
        }

        if (FromFaults > Bound)
        {
            yield return $"{FromFaults} messages came again because of faults, of {Bound} at most";
        }
    }

    public override string ToString() => ByCause.Count == 0
        ? "nothing came again"
        : $"came again: {string.Join(", ", ByCause.Select(cause => $"{cause.Count} {cause.Cause}"))} (of {Bound} at most)";

    private static string? CauseOf(RoundRecord record, IReadOnlyList<StruckFault> faults) => faults
        .Where(struck => struck.MayRepeat && struck.From <= record.At && Stopwatch.GetElapsedTime(struck.To, record.At) <= s_late)
        .MaxBy(struck => struck.From)?.Fault.Kind.ToString();

    // At the rate of all topics together, as if every silo had been struck.
    private static int BoundOf(StruckFault struck)
        => (int)(RoundTopics.All.Count * Load.MostPerSecond * (s_commits + Stopwatch.GetElapsedTime(struck.From, struck.To)).TotalSeconds);
}

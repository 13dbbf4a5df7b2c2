using System.Globalization;
using System.Text;
using OrleansRocketMQ.Engine.Simulation.Checking;
using OrleansRocketMQ.Engine.Simulation.Pops;

namespace OrleansRocketMQ.Engine.Simulation.Runner;

/// <summary>Runs in words.</summary>
internal static class Report
{
    /// <summary>How many of the last events of a run can be told.</summary>
    public const int Events = 400;

    /// <summary>A failed run: what is broken, with which faults, and what happened last.</summary>
    public static string Of(RunResult failed, int events = 60)
    {
        var text = new StringBuilder();
        text.AppendLine(
            CultureInfo.InvariantCulture, $"seed {failed.Setup.Seed} ({failed.Setup.Mode}) has failed. {failed.Failure!.Message}");
        text.AppendLine("faults:");
        foreach (var fault in failed.Setup.Faults.OrderBy(fault => fault.At))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  {fault}");
        }

        text.AppendLine("last events:").Append(failed.Trace.Tell(events));
        return text.ToString();
    }

    /// <summary>What tells whether a run does the same elsewhere.</summary>
    public static string DigestOf(RunResult run) => string.Create(CultureInfo.InvariantCulture, $"{run.Setup.Seed} {run.Digest:x16}");

    /// <summary>What many runs have reached.</summary>
    public static string Of(Coverage coverage, TimeSpan took)
    {
        var text = new StringBuilder();
        var hours = TimeSpan.FromTicks(coverage.VirtualTicks).TotalHours;
        text.AppendLine(CultureInfo.InvariantCulture, $"{coverage.Runs} runs, {coverage.Messages} messages, {coverage.Steps} steps");
        text.AppendLine(CultureInfo.InvariantCulture, $"{hours:0.0} hours of the runs' time in {took.TotalSeconds:0.0} s");
        text.AppendLine("faults that struck:");
        foreach (var (kind, count) in coverage.Faults.OrderBy(fault => fault.Key))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  {kind,-22} {count}");
        }

        text.AppendLine("messages that came again, by cause:");
        foreach (var (cause, count) in coverage.Duplicates.OrderBy(cause => cause.Key, StringComparer.Ordinal))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  {cause,-50} {count}");
        }

        var words = coverage.Words.OrderBy(said => said.Key).Select(said => $"{said.Key.Mode} {said.Key.Word} {said.Value}");
        text.AppendLine(CultureInfo.InvariantCulture, $"by their listeners' word: {string.Join(", ", words)}");
        text.AppendLine(
            CultureInfo.InvariantCulture, $"messages hidden by a record that storage kept over a reset: {coverage.Hidden}");
        text.AppendLine(CultureInfo.InvariantCulture, $"cells of the table: {coverage.Cells.Count}; not reached:");
        foreach (var row in coverage.Missing().GroupBy(cell => cell.Event))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  {row.Key,-16} {string.Join(' ', row.Select(cell => cell.State))}");
        }

        foreach (var cell in coverage.Impossible())
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"reached, and it cannot be: {cell.Event} {cell.State}");
        }

        return text.Append(Of(coverage.Pops)).ToString();
    }

    private static string Of(PopCoverage pops)
    {
        var text = new StringBuilder();
        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"{pops.Runs} runs with pops: {pops.DeadLetters} dead letters, {pops.Late} too late, {pops.Shared} shared");
        foreach (var (kind, count) in pops.Faults.OrderBy(fault => fault.Key))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  {kind,-22} {count}");
        }

        foreach (var (cause, count) in pops.Duplicates.OrderBy(cause => cause.Key, StringComparer.Ordinal))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  {cause,-60} {count}");
        }

        foreach (var shortcoming in pops.Shortcomings(leastOfEachFault: 0))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  {shortcoming}");
        }

        return text.ToString();
    }
}

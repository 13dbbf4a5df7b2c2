namespace OrleansRocketMQ.Benchmarks;

/// <summary>How each thing grows beside the cluster: 1 where it grows with it, above where it grows faster.</summary>
internal static class ScalePlots
{
    public static async Task DrawAsync(string folder, IReadOnlyList<ScaleEvent> events)
    {
        // Of the sizes with the same number of queues on each silo.
        var smallest = events.MinBy(row => row.Size.Silos)!.Size;
        var alike = events.Where(row => row.Size.Queues / row.Size.Silos == smallest.Queues / smallest.Silos).ToList();
        await DrawAsync(Path.Join(folder, "scale-steady.svg"), "A steady minute: by silo, as times the smallest", alike, ScaleRun.Steady,
        [
            ("heartbeats", "request HeartBeat"), ("members asked for", "request GetConsumerListByGroup"), ("routes asked for", "request GetRouteInfoByTopic"),
            ("pulls", "request PullMessage"), ("settings", "call IGroupSettingsGrain.JoinWithVersionsAsync"),
            ("messages between silos", "messages between silos"), ("CPU", "CPU s, brokers too"),
        ], size => size.Silos);
        await DrawAsync(Path.Join(folder, "scale-join.svg"), "A silo joins: in all, by silo, as times the smallest", alike, ScaleRun.Joins,
        [
            ("heartbeats", "request HeartBeat"), ("notices", ScaleRun.Notice), ("members asked for", "request GetConsumerListByGroup"),
            ("queues started", "call IMessageQueueGrain.EnsureStartedAsync"), ("messages between silos", "messages between silos"),
        ], size => size.Silos);
    }

    private static async Task DrawAsync(
        string file, string title, List<ScaleEvent> events, string name, (string Title, string What)[] lines, Func<Size, double> by)
    {
        var plot = new LinePlot(title, "silos", "times", isXLogarithmic: false);
        foreach (var (line, what) in lines)
        {
            var rows = events.Where(row => row.Name == name && row.What == what).OrderBy(row => row.Size.Silos).ToList();
            if (rows.Count > 1)
            {
                var first = rows[0].Count / by(rows[0].Size);
                plot.Add(line, rows.Select(row => row.Count / by(row.Size) / first).Zip(rows, (value, row) => new PlotPoint(row.Size.Silos, value, value, value)));
            }
        }

        await File.WriteAllTextAsync(file, plot.Draw());
    }
}

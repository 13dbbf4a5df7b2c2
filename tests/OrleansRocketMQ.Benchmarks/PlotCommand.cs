namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// Draws what a history file has of one unit, a line for each thing measured, one point for each measurement in turn.
/// <c>plot --history docs/results/history.jsonl --unit "times the socket" --out docs/results/socket.svg</c>
/// </summary>
internal static class PlotCommand
{
    public static async Task<int> RunAsync(Arguments arguments)
    {
        var history = arguments["history"] ?? throw new RocketMQValidationException("--history", null, "a file of figures");
        var file = arguments["out"] ?? throw new RocketMQValidationException("--out", null, "the picture to write, such as plot.svg");
        var unit = arguments["unit"] ?? throw new RocketMQValidationException("--unit", null, "the unit of the figures, such as CPU s per million");
        var figures = (await FigureHistory.ReadAsync(history)).Where(figure => figure.Unit == unit && figure.X == 0).ToArray();
        if (figures.Length == 0)
        {
            throw new RocketMQValidationException("--unit", unit, $"one that is in {history}");
        }

        var plot = new LinePlot(unit, "measurements, oldest first", unit, isXLogarithmic: false);
        foreach (var line in figures.GroupBy(figure => figure.What))
        {
            plot.Add(line.Key, line.OrderBy(figure => figure.At).Select((figure, index) => new PlotPoint(index + 1, figure.Median, figure.Lowest, figure.Highest)));
        }

        await File.WriteAllTextAsync(file, plot.Draw());
        return 0;
    }
}

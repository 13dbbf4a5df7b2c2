using System.Globalization;
using System.Net;
using System.Text;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>Lines over two axes as an SVG picture, each point with its spread. Axes are logarithmic where that is asked for.</summary>
internal sealed class LinePlot(string title, string xLabel, string yLabel, bool isXLogarithmic, bool isYLogarithmic = false)
{
    private const int Width = 760;
    private const int Height = 420;
    private const int Left = 80;
    private const int Right = 200;
    private const int Top = 40;
    private const int Bottom = 50;
    private static readonly string[] Colors = ["#0b6bcb", "#c0392b", "#1e8449", "#8e44ad", "#b9770e", "#117a65", "#566573"];

    private readonly List<(string Name, List<PlotPoint> Points)> _lines = [];

    public void Add(string name, IEnumerable<PlotPoint> points) => _lines.Add((name, [.. points.OrderBy(point => point.X)]));

    public string Draw()
    {
        var all = _lines.SelectMany(line => line.Points).ToArray();
        var x = new Axis(all.Min(point => point.X), all.Max(point => point.X), isXLogarithmic, Left, Width - Right);
        var lowest = isYLogarithmic ? all.Min(point => point.Lowest) * 0.9 : 0;
        var y = new Axis(lowest, all.Max(point => point.Highest) * 1.05, isYLogarithmic, Height - Bottom, Top);
        var svg = new StringBuilder();
        Say(svg, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {Height}\" font-family=\"sans-serif\" font-size=\"12\">");
        Say(svg, $"<rect width=\"{Width}\" height=\"{Height}\" fill=\"#ffffff\"/>");
        Text(svg, Left, 22, title, "font-size=\"15\"");
        Text(svg, (Left + Width - Right) / 2, Height - 12, xLabel, "text-anchor=\"middle\"");
        Text(svg, 16, Top - 8, yLabel, string.Empty);
        foreach (var tick in y.Ticks())
        {
            Say(svg, $"<line x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{y.At(tick):0.#}\" y2=\"{y.At(tick):0.#}\" stroke=\"#dddddd\"/>");
            Text(svg, Left - 8, (int)y.At(tick) + 4, Short(tick), "text-anchor=\"end\"");
        }

        foreach (var tick in all.Select(point => point.X).Distinct())
        {
            Text(svg, (int)x.At(tick), Height - Bottom + 18, Short(tick), "text-anchor=\"middle\"");
        }

        for (var index = 0; index < _lines.Count; index++)
        {
            DrawLine(svg, x, y, index);
        }

        Say(svg, $"</svg>");
        return svg.ToString();
    }

    private void DrawLine(StringBuilder svg, Axis x, Axis y, int index)
    {
        var (name, points) = _lines[index];
        var color = Colors[index % Colors.Length];
        var path = string.Join(' ', points.Select(point => FormattableString.Invariant($"{x.At(point.X):0.#},{y.At(point.Median):0.#}")));
        Say(svg, $"<polyline points=\"{path}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>");
        foreach (var point in points)
        {
            var at = x.At(point.X);
            Say(svg, $"<line x1=\"{at:0.#}\" x2=\"{at:0.#}\" y1=\"{y.At(point.Lowest):0.#}\" y2=\"{y.At(point.Highest):0.#}\" stroke=\"{color}\"/>");
            Say(svg, $"<circle cx=\"{at:0.#}\" cy=\"{y.At(point.Median):0.#}\" r=\"3\" fill=\"{color}\"/>");
        }

        Text(svg, Width - Right + 12, Top + 18 + (index * 18), name, $"fill=\"{color}\"");
    }

    private static void Text(StringBuilder svg, int x, int y, string text, string style)
        => Say(svg, $"<text x=\"{x}\" y=\"{y}\" {style}>{WebUtility.HtmlEncode(text)}</text>");

    private static void Say(StringBuilder svg, FormattableString line) => svg.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');

    private static string Short(double value) => value switch
    {
        >= 1_000_000 => FormattableString.Invariant($"{value / 1_000_000:0.##} M"),
        >= 1_000 => FormattableString.Invariant($"{value / 1_000:0.##} k"),
        _ => FormattableString.Invariant($"{value:0.##}"),
    };

    private readonly record struct Axis(double Low, double High, bool IsLogarithmic, int From, int To)
    {
        public double At(double value)
        {
            var (low, high, at) = IsLogarithmic ? (Math.Log10(Low), Math.Log10(High), Math.Log10(value)) : (Low, High, value);
            return high > low ? From + ((To - From) * (at - low) / (high - low)) : (From + To) / 2.0;
        }

        /// <summary>About five round values; where the axis is logarithmic, the powers of ten.</summary>
        public IEnumerable<double> Ticks() => IsLogarithmic ? Powers() : Steps();

        private IEnumerable<double> Powers()
        {
            for (var power = Math.Pow(10, Math.Ceiling(Math.Log10(Low))); power <= High; power *= 10)
            {
                yield return power;
            }
        }

        private IEnumerable<double> Steps()
        {
            var rough = (High - Low) / 5;
            var magnitude = Math.Pow(10, Math.Floor(Math.Log10(rough)));
            var step = new[] { 1, 2, 5, 10 }.Select(factor => factor * magnitude).First(candidate => candidate >= rough);
            for (var tick = Low; tick <= High; tick += step)
            {
                yield return tick;
            }
        }
    }
}

/// <summary>A point of a line.</summary>
internal readonly record struct PlotPoint(double X, double Median, double Lowest, double Highest);

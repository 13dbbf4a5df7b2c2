using System.Globalization;

namespace OrleansRocketMQ.Chaos.Silo;

/// <summary>
/// Sets the clock for whoever asks at the silo's web server, which listens on this machine alone:
/// <c>POST /chaos/clock/set?seconds=-60</c> and <c>POST /chaos/clock/stand?seconds=60</c>. The answer is what time it is then.
/// </summary>
internal sealed class ClockControl(ChaosClock clock) : IStartupFilter
{
    private static readonly PathString s_path = "/chaos/clock";

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((context, others) => context.Request.Path.StartsWithSegments(s_path, out var what) ? AnswerAsync(context, what) : others(context));
        next(app);
    };

    private async Task AnswerAsync(HttpContext context, PathString what)
    {
        var time = TimeSpan.FromSeconds(double.Parse(context.Request.Query["seconds"].ToString(), CultureInfo.InvariantCulture));
        if (what == "/set")
        {
            clock.Set(time);
        }
        else
        {
            clock.StandStill(time);
        }

        await context.Response.WriteAsync(clock.GetUtcNow().ToString("O", CultureInfo.InvariantCulture));
    }
}

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>
/// The web server is there before the silo and after it, when grains cannot be called: a page that asks for the status then
/// would fill the log with calls that find no silo.
/// </summary>
internal static class DashboardWhileRunning
{
    private static readonly PathString[] s_calls = ["/dashboard/api/status", "/dashboard/api/groups"];

    public static void UseDashboardWhileRunning(this WebApplication app) => app.Use((context, next) =>
    {
        var runs = app.Lifetime.ApplicationStarted.IsCancellationRequested && !app.Lifetime.ApplicationStopping.IsCancellationRequested;
        if (runs || !Array.Exists(s_calls, call => context.Request.Path.StartsWithSegments(call)))
        {
            return next(context);
        }

        context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        return context.Response.WriteAsync("The host starts or stops.");
    });
}

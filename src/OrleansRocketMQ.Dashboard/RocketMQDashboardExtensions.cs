using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using OrleansRocketMQ.Dashboard.Access;
using OrleansRocketMQ.Dashboard.Feed;

namespace OrleansRocketMQ.Dashboard;

/// <summary>Adds the dashboard to a host that is a silo.</summary>
public static class RocketMQDashboardExtensions
{
    /// <summary>Registers what the dashboard needs, authorization and anti-forgery of ASP.NET Core included.</summary>
    /// <param name="services">The services of the silo's host.</param>
    /// <param name="configure">Changes the options; null leaves the defaults: this machine only, and only shows.</param>
    /// <exception cref="RocketMQConfigurationException">An option is out of range.</exception>
    public static IServiceCollection AddRocketMQDashboard(
        this IServiceCollection services,
        Action<RocketMQDashboardOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        var options = new RocketMQDashboardOptions();
        configure?.Invoke(options);
        options.Validate();
        services.AddAuthorization();
        services.AddAntiforgery();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(options);
        services.AddSingleton<StatusFeed>();
        services.AddSingleton<ActionGuard>();
        services.AddSingleton<DashboardEndpoints>();
        services.AddHostedService<TransportCheck>();
        return services;
    }

    /// <summary>Serves the dashboard. Needs <see cref="AddRocketMQDashboard"/>, and a silo with RocketMQ in the same host.</summary>
    /// <param name="endpoints">The host's endpoints.</param>
    /// <param name="pattern">Where; the default is /dashboard.</param>
    /// <returns>Conventions of all its endpoints, for example for rate limits.</returns>
    /// <exception cref="InvalidOperationException"><see cref="AddRocketMQDashboard"/> was not called.</exception>
    public static IEndpointConventionBuilder MapRocketMQDashboard(
        this IEndpointRouteBuilder endpoints, [StringSyntax("Route")] string pattern = "/dashboard")
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentException.ThrowIfNullOrWhiteSpace(pattern);
        var options = endpoints.ServiceProvider.GetRequiredService<RocketMQDashboardOptions>();
        var all = endpoints.MapGroup(pattern);

        // Made at the first request, when the silo is there.
        RequestDelegate Answer(Func<DashboardEndpoints, Func<HttpContext, Task<IResult>>> handler) => context =>
        {
            var dashboard = context.RequestServices.GetRequiredService<DashboardEndpoints>();
            return dashboard.Guarded(handler(dashboard))(context);
        };

        all.MapGet("/", Answer(_ => DashboardEndpoints.PageAsync));
        all.MapGet("/app.css", Answer(_ => DashboardEndpoints.File("app.css")));
        all.MapGet("/app.js", Answer(_ => DashboardEndpoints.File("app.js")));
        all.MapGet("/api/status", Answer(dashboard => dashboard.StatusAsync));
        all.MapGet("/api/session", Answer(dashboard => dashboard.SessionAsync));
        all.MapGet("/api/groups/{group}/dead-letters", Answer(dashboard => dashboard.LettersAsync));
        all.MapGet("/api/groups/{group}/dead-letters/{id}", Answer(dashboard => dashboard.LetterAsync));
        all.MapGet("/api/groups/{group}/parked", Answer(dashboard => dashboard.ParkedAsync));
        all.MapGet("/api/groups/{group}/parked/{number}", Answer(dashboard => dashboard.ParkedBodyAsync));
        all.MapPost("/api/groups/{group}/actions/{action}", Answer(dashboard => dashboard.ActAsync));
        if (options.ViewPolicy is { } policy)
        {
            all.RequireAuthorization(policy);
        }

        return all;
    }
}

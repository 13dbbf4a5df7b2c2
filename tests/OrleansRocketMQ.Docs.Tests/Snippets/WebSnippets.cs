using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Dashboard;

namespace OrleansRocketMQ.Docs.Snippets;

/// <summary>docs/dashboard.md and docs/operations.md</summary>
internal static class WebSnippets
{
    public static WebApplication Dashboard(WebApplicationBuilder builder)
    {
        builder.Services.AddRocketMQDashboard();
        var app = builder.Build();
        app.MapRocketMQDashboard();          // at /dashboard
        return app;
    }

    public static void Policies(WebApplicationBuilder builder)
    {
        builder.Services.AddAuthorizationBuilder().AddPolicy("operators", policy => policy.RequireRole("operators"));
        builder.Services.AddRocketMQDashboard(options =>
        {
            options.ViewPolicy = "operators";
            options.ActionPolicy = "operators";
        });
    }

    public static void Health(WebApplicationBuilder builder, WebApplication app)
    {
        builder.Services.AddHealthChecks().AddRocketMQ();
        app.MapHealthChecks("/health/ready", new() { Predicate = check => check.Tags.Contains("ready") });
        app.MapHealthChecks("/health/live", new() { Predicate = check => check.Tags.Contains("live") });
    }
}

using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Dashboard.Access;
using OrleansRocketMQ.Dashboard.Actions;
using OrleansRocketMQ.Dashboard.Feed;
using OrleansRocketMQ.Dashboard.Page;
using OrleansRocketMQ.Dashboard.Responses;
using OrleansRocketMQ.Dashboard.Status;

namespace OrleansRocketMQ.Dashboard;

/// <summary>Answers the dashboard's requests.</summary>
internal sealed partial class DashboardEndpoints(
    RocketMQDashboardOptions options,
    StatusFeed feed,
    ActionGuard guard,
    IAntiforgery antiforgery,
    IGrainFactory grains,
    IRocketMQConsumers consumers,
    ILogger<DashboardEndpoints> logger)
{
    private const int MaxRequestBytes = 16 * 1024;

    private const string PlainHttp = "The dashboard answers other machines by HTTPS only (RequireHttps).";

    /// <summary>No script, style or request of any other origin, no inline script, no frame around it.</summary>
    public const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        + "form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

    /// <summary>Lets a handler answer those who may see the dashboard, with the headers all answers have.</summary>
    public RequestDelegate Guarded(Func<HttpContext, Task<IResult>> handler) => async context =>
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers.CacheControl = "no-store";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";

        var result = WhyNot(context) is { } reason
            ? DashboardResults.Problem(StatusCodes.Status403Forbidden, reason)
            : await handler(context).ConfigureAwait(false);
        await result.ExecuteAsync(context).ConfigureAwait(false);
    };

    // With a ViewPolicy the authorization middleware has decided before who it is.
    private string? WhyNot(HttpContext context) => options.ViewPolicy switch
    {
        null when !LocalRequests.IsLocal(context) => "The dashboard answers this machine only, and no proxy: no ViewPolicy is configured.",
        not null when !options.AllowsTransport(context) => PlainHttp,
        _ => null,
    };

    public static Task<IResult> PageAsync(HttpContext context)
    {
        // What the page loads is relative to it, so that it works under any pattern and path base.
        var path = context.Request.Path.Value!;
        return Task.FromResult(path.EndsWith('/')
            ? PageFiles.Get(context, "index.html")
            : Results.Redirect($"{context.Request.PathBase}{path}/"));
    }

    public static Func<HttpContext, Task<IResult>> File(string name) => context => Task.FromResult(PageFiles.Get(context, name));

    public async Task<IResult> StatusAsync(HttpContext context)
        => Results.Bytes(await feed.GetAsync().WaitAsync(context.RequestAborted).ConfigureAwait(false), "application/json; charset=utf-8");

    public async Task<IResult> SessionAsync(HttpContext context)
    {
        if (!await guard.MayActAsync(context).ConfigureAwait(false))
        {
            return DashboardResults.Json(new SessionView(false, options.ShowsBodies, null, null), DashboardJson.Default.SessionView);
        }

        var tokens = antiforgery.GetAndStoreTokens(context);
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.XFrameOptions = "DENY";
        return DashboardResults.Json(
            new SessionView(true, options.ShowsBodies, tokens.HeaderName, tokens.RequestToken), DashboardJson.Default.SessionView);
    }

    public Task<IResult> LettersAsync(HttpContext context) => AnswerAsync(context, async group =>
    {
        var letters = grains.GetGrain<IDeadLetterGrain>(group);
        var search = context.Request.Query["text"].ToString() is { Length: > 0 } text ? new DeadLetterSearch { Text = text } : null;
        var reading = search is null ? letters.ListAsync(limit: 50) : letters.SearchAsync(search, limit: 50);
        var page = await reading.WaitAsync(context.RequestAborted).ConfigureAwait(false);
        var resend = await letters.GetResendAsync().WaitAsync(context.RequestAborted).ConfigureAwait(false);
        return DashboardResults.Json(new LettersView(page.Letters, page.Unread, resend), DashboardJson.Default.LettersView);
    });

    public Task<IResult> LetterAsync(HttpContext context) => AnswerAsync(context, async group =>
        await grains.GetGrain<IDeadLetterGrain>(group)
            .PeekAsync((string)context.Request.RouteValues["id"]!)
            .WaitAsync(context.RequestAborted).ConfigureAwait(false) is { } message
            ? DashboardResults.Json(LetterBody.Of(message, options), DashboardJson.Default.LetterBodyView)
            : DashboardResults.Problem(StatusCodes.Status404NotFound, "There is no dead letter with that id."));

    public Task<IResult> ParkedAsync(HttpContext context) => AnswerAsync(context, async group => DashboardResults.Json(
        await grains.GetGrain<IParkedMessageGrain>(group).ListAsync(limit: 50).WaitAsync(context.RequestAborted).ConfigureAwait(false),
        DashboardJson.Default.ParkedMessagePage));

    public Task<IResult> ParkedBodyAsync(HttpContext context) => AnswerAsync(context, async group =>
        long.TryParse((string?)context.Request.RouteValues["number"], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && await grains.GetGrain<IParkedMessageGrain>(group)
            .PeekAsync(number)
            .WaitAsync(context.RequestAborted).ConfigureAwait(false) is { } message
            ? DashboardResults.Json(LetterBody.Of(message, options), DashboardJson.Default.LetterBodyView)
            : DashboardResults.Problem(
                StatusCodes.Status404NotFound,
                "There is no parked message of that number, or its broker does not have it any more."));

    public async Task<IResult> ActAsync(HttpContext context)
    {
        var who = Who(context);
        var caller = LogText.Of(who);
        var action = (string)context.Request.RouteValues["action"]!;
        if (await guard.RefuseAsync(context).ConfigureAwait(false) is { } refusal)
        {
            var (refused, of) = (LogText.Of(action), LogText.Of((string?)context.Request.RouteValues["group"]));
            LogRefused(caller, refused, of);
            return refusal;
        }

        if (!GroupActions.Exists(action))
        {
            return DashboardResults.Problem(StatusCodes.Status404NotFound, "There is no such action.");
        }

        return await AnswerAsync(context, async group =>
        {
            if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            {
                size.MaxRequestBodySize = MaxRequestBytes;
            }

            var request = await JsonSerializer.DeserializeAsync(
                context.Request.Body,
                DashboardJson.Default.ActionRequest,
                context.RequestAborted).ConfigureAwait(false)
                ?? throw new JsonException("The request is null.");
            var asked = LogText.Of(request.ToString());
            LogAction(caller, action, group, asked);

            // Not given up when the browser goes: what was begun is ended and logged.
            var message = await GroupActions.RunAsync(grains, group, action, request, who).ConfigureAwait(false);
            var outcome = LogText.Of(message);
            LogDone(caller, action, group, outcome);
            return DashboardResults.Json(new ActionResponse(message), DashboardJson.Default.ActionResponse);
        }).ConfigureAwait(false);
    }

    private async Task<IResult> AnswerAsync(HttpContext context, Func<string, Task<IResult>> answer)
    {
        var group = (string)context.Request.RouteValues["group"]!;
        if (consumers.Find(group) is null)
        {
            return DashboardResults.Problem(StatusCodes.Status404NotFound, "This silo has no such group.");
        }

        try
        {
            return await answer(group).ConfigureAwait(false);
        }
        catch (Exception exception) when (StatusOf(exception) is { } status)
        {
            var (who, path) = (LogText.Of(Who(context)), LogText.Of(context.Request.Path.Value));
            LogFailed(exception, who, path);
            return DashboardResults.Problem(status, exception.Message);
        }
    }

    private static int? StatusOf(Exception exception) => exception switch
    {
        RocketMQValidationException or JsonException or BadHttpRequestException => StatusCodes.Status400BadRequest,
        RocketMQException => StatusCodes.Status409Conflict,
        TimeoutException => StatusCodes.Status504GatewayTimeout,
        OrleansException => StatusCodes.Status503ServiceUnavailable,
        _ => null,
    };

    private static string Who(HttpContext context)
        => context.User.Identity is { IsAuthenticated: true, Name: { Length: > 0 } name } ? name : $"{context.Connection.RemoteIpAddress}";

    [LoggerMessage(Level = LogLevel.Information, Message = "{Who} asks for {Action} of group {Group} at the dashboard: {Request}")]
    private partial void LogAction(string who, string action, string group, string request);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Action} of group {Group} for {Who} is done: {Outcome}")]
    private partial void LogDone(string who, string action, string group, string outcome);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Who} may not do {Action} to group {Group} at the dashboard")]
    private partial void LogRefused(string who, string action, string group);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The request {Path} of {Who} at the dashboard failed")]
    private partial void LogFailed(Exception exception, string who, string path);
}

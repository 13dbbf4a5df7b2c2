using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Http;
using OrleansRocketMQ.Dashboard.Responses;

namespace OrleansRocketMQ.Dashboard.Access;

/// <summary>Whether a caller may act, and whether it is its own page that asks.</summary>
internal sealed class ActionGuard(
    RocketMQDashboardOptions options, IAuthorizationPolicyProvider policies, IPolicyEvaluator evaluator, IAntiforgery antiforgery)
{
    /// <summary>Null when the request may act; otherwise the refusal.</summary>
    public async Task<IResult?> RefuseAsync(HttpContext context)
    {
        if (options.ActionPolicy is null)
        {
            return Refusal(StatusCodes.Status403Forbidden, "The dashboard only shows: no ActionPolicy is configured.");
        }

        if (!await MayActAsync(context).ConfigureAwait(false))
        {
            return Refusal(StatusCodes.Status403Forbidden, $"The policy '{options.ActionPolicy}' does not allow it.");
        }

        if (!IsSameOrigin(context.Request))
        {
            return Refusal(StatusCodes.Status400BadRequest, "The request comes from a page of another origin.");
        }

        try
        {
            await antiforgery.ValidateRequestAsync(context).ConfigureAwait(false);
            return null;
        }
        catch (AntiforgeryValidationException)
        {
            return Refusal(StatusCodes.Status400BadRequest, "The anti-forgery token is missing or out of date; load the page again.");
        }
    }

    public async Task<bool> MayActAsync(HttpContext context)
    {
        if (options.ActionPolicy is not { } name)
        {
            return false;
        }

        var policy = await policies.GetPolicyAsync(name).ConfigureAwait(false)
            ?? throw new RocketMQConfigurationException(nameof(options.ActionPolicy), name, "the name of a policy that is registered");
        var authentication = await evaluator.AuthenticateAsync(policy, context).ConfigureAwait(false);
        return (await evaluator.AuthorizeAsync(policy, authentication, context, resource: context).ConfigureAwait(false)).Succeeded;
    }

    // Browsers that tell where a request comes from are believed; the token has to be right in any case.
    private static bool IsSameOrigin(HttpRequest request)
    {
        var site = request.Headers["Sec-Fetch-Site"].ToString();
        var origin = request.Headers.Origin.ToString();
        return site is "" or "same-origin" or "none"
            && (origin.Length == 0 || (Uri.TryCreate(origin, UriKind.Absolute, out var from) && from.Authority.Equals(
                new Uri($"{request.Scheme}://{request.Host}").Authority, StringComparison.OrdinalIgnoreCase)));
    }

    private static IResult Refusal(int status, string reason) => DashboardResults.Problem(status, reason);
}

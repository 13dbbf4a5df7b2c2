using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Dashboard.Responses;
using OrleansRocketMQ.Dashboard.Settings;

namespace OrleansRocketMQ.Dashboard.Access;

/// <summary>
/// Asks nobody for credentials who would send them by plain HTTP: a challenge of the host's own scheme comes before the dashboard is
/// asked. Everything else, and every other endpoint of the host, goes to what the host had registered.
/// </summary>
internal sealed class TransportBeforeChallenge(RocketMQDashboardOptions options, IAuthorizationMiddlewareResultHandler others)
    : IAuthorizationMiddlewareResultHandler
{
    public static void AddTo(IServiceCollection services, RocketMQDashboardOptions options)
    {
        var before = services.Last(
            service => service.ServiceType == typeof(IAuthorizationMiddlewareResultHandler) && !service.IsKeyedService);
        services.Add(ServiceDescriptor.Describe(
            typeof(IAuthorizationMiddlewareResultHandler),
            provider => new TransportBeforeChallenge(options, (IAuthorizationMiddlewareResultHandler)Make(before, provider)),
            before.Lifetime));
    }

    public Task HandleAsync(
        RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
        => authorizeResult.Challenged
            && context.GetEndpoint()?.Metadata.GetMetadata<Mark>() is not null
            && !options.AllowsTransport(context)
                ? DashboardResults.Problem(StatusCodes.Status403Forbidden, Transport.PlainHttp).ExecuteAsync(context)
                : others.HandleAsync(next, context, policy, authorizeResult);

    private static object Make(ServiceDescriptor service, IServiceProvider provider)
        => service.ImplementationInstance
            ?? service.ImplementationFactory?.Invoke(provider)
            ?? ActivatorUtilities.CreateInstance(provider, service.ImplementationType!);

    /// <summary>Marks the dashboard's own endpoints.</summary>
    public sealed record Mark;
}

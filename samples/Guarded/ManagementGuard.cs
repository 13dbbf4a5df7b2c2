using Orleans.Runtime;

namespace Guarded;

/// <summary>
/// Stands before every grain call of a silo. What comes from a client and goes to a grain of OrleansRocketMQ, or to Orleans'
/// own management, needs a token; the grains of the application are its own affair. Not only the three management grains:
/// behind them are others, which an application has no name for and a gateway reaches all the same.
/// </summary>
internal sealed class ManagementGuard(OperatorTokens tokens, TimeProvider time) : IIncomingGrainCallFilter
{
    public const string TokenKey = "operator-token";

    private static readonly string[] s_reading = ["Get", "List", "Search", "Peek"];

    public Task Invoke(IIncomingGrainCallContext context)
    {
        if (IsFromClient(context.SourceId) && IsManagement(context.InterfaceMethod.DeclaringType!))
        {
            var (name, role) = tokens.Read(RequestContext.Get(TokenKey) as string, time.GetUtcNow());
            var needed = s_reading.Any(word => context.MethodName.StartsWith(word, StringComparison.Ordinal)) ? Role.Viewer : Role.Operator;
            if (role < needed)
            {
                throw new UnauthorizedAccessException($"{name} may not call {context.MethodName}");
            }
        }

        return context.Invoke();
    }

    // A silo's own code, a dashboard for one, calls through a client as well, which Orleans names after its host.
    private static bool IsFromClient(GrainId? source)
        => source is { } caller && caller.IsClient() && !caller.Key.ToString()!.StartsWith("hosted-", StringComparison.Ordinal);

    private static bool IsManagement(Type grain)
        => grain == typeof(IManagementGrain) || grain.Assembly.GetName().Name!.StartsWith("OrleansRocketMQ", StringComparison.Ordinal);
}

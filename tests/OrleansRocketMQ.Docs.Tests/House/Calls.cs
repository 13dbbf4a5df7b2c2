using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace OrleansRocketMQ.Docs.House;

/// <summary>
/// What takes a step of its own: real time, threads of the pool, timers and chance that nobody handed in. Code that has
/// none of it does the same again when it is run again with the same clock, scheduler and randomness.
/// </summary>
internal static class Calls
{
    private static readonly HashSet<string> Members =
    [
        "Task.Run", "Thread.Sleep", "Random.Shared", "TimeProvider.System",
        "DateTime.Now", "DateTime.UtcNow", "DateTime.Today", "DateTimeOffset.Now", "DateTimeOffset.UtcNow",
        "Environment.TickCount", "Environment.TickCount64",
    ];

    // Every overload of StartNew that takes a scheduler takes it behind an action, a token and options.
    private const int ArgumentsWithScheduler = 4;

    private static readonly HashSet<string> Types = ["Parallel", "ThreadPool", "Stopwatch"];

    public static IEnumerable<string> In(SourceFile file) => file.Root.DescendantNodes()
        .Select(node => (Node: node, Call: NameOf(node)))
        .Where(found => found.Call is not null)
        .Select(found => $"{At(file, found.Node)} {found.Call}");

    public static IEnumerable<string> OfConfigureAwait(SourceFile file) => Of(file, "ConfigureAwait");

    /// <summary>A source ends by the clock it was made with, which is the machine's where nobody has said another.</summary>
    public static IEnumerable<string> OfCancelAfter(SourceFile file) => Of(file, "CancelAfter");

    private static IEnumerable<string> Of(SourceFile file, string member) => file.Root.DescendantNodes()
        .OfType<MemberAccessExpressionSyntax>()
        .Where(access => access.Name.Identifier.Text == member)
        .Select(access => At(file, access.Name));

    private static string At(SourceFile file, SyntaxNode node)
        => $"{file.Path}:{node.GetLocation().GetLineSpan().StartLinePosition.Line + 1}";

    private static string? NameOf(SyntaxNode node) => node switch
    {
        InvocationExpressionSyntax { Expression: MemberAccessExpressionSyntax access } call
            when Written(access) == "Task.Delay" && !HasTime(call.ArgumentList.Arguments) => "Task.Delay without TimeProvider",
        InvocationExpressionSyntax { Expression: MemberAccessExpressionSyntax access } call
            when Written(access) == "Factory.StartNew" && call.ArgumentList.Arguments.Count < ArgumentsWithScheduler
                => "StartNew without TaskScheduler",
        MemberAccessExpressionSyntax access when Members.Contains(Written(access)) || Types.Contains(LastNameOf(access.Expression))
            => Written(access),
        ObjectCreationExpressionSyntax made => Made(LastNameOf(made.Type), made.ArgumentList),
        ImplicitObjectCreationExpressionSyntax made => Made(TypeOf(made), made.ArgumentList),
        _ => null,
    };

    private static string? Made(string type, ArgumentListSyntax? arguments) => (type, arguments?.Arguments.Count ?? 0) switch
    {
        ("Timer" or "Thread" or "Stopwatch", _) or ("Random", 0) => $"new {type}",
        ("PeriodicTimer" or "CancellationTokenSource", 1) => $"new {type} without TimeProvider",
        _ => null,
    };

    /// <summary>The type that stands to the left of a new that does not name it; empty where it stands elsewhere.</summary>
    private static string TypeOf(ImplicitObjectCreationExpressionSyntax made) => made.Parent switch
    {
        EqualsValueClauseSyntax { Parent: VariableDeclaratorSyntax { Parent: VariableDeclarationSyntax variable } } => LastNameOf(variable.Type),
        EqualsValueClauseSyntax { Parent: PropertyDeclarationSyntax property } => LastNameOf(property.Type),
        _ => string.Empty,
    };

    /// <summary>With two arguments the second is a token or a clock; what it is called tells.</summary>
    private static bool HasTime(SeparatedSyntaxList<ArgumentSyntax> arguments) => arguments.Count == 3
        || (arguments.Count == 2 && LastNameOf(arguments[1].Expression) is var last
            && (last.EndsWith("time", StringComparison.OrdinalIgnoreCase)
                || last.EndsWith("clock", StringComparison.OrdinalIgnoreCase)
                || last.EndsWith("TimeProvider", StringComparison.OrdinalIgnoreCase)));

    private static string Written(MemberAccessExpressionSyntax access)
        => $"{LastNameOf(access.Expression)}.{access.Name.Identifier.Text}";

    private static string LastNameOf(SyntaxNode node) => node switch
    {
        SimpleNameSyntax name => name.Identifier.Text,
        MemberAccessExpressionSyntax access => access.Name.Identifier.Text,
        QualifiedNameSyntax name => name.Right.Identifier.Text,
        NullableTypeSyntax nullable => LastNameOf(nullable.ElementType),
        _ => string.Empty,
    };
}

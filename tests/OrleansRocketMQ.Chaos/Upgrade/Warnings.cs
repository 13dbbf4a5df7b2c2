using System.Text.RegularExpressions;
using OrleansRocketMQ.Chaos.World;

namespace OrleansRocketMQ.Chaos.Upgrade;

/// <summary>What silos have logged as warnings and worse.</summary>
internal static partial class Warnings
{
    /// <summary>
    /// What is said in every roll and at every kill, whatever the versions: silos that cannot be reached, what Orleans says of a machine
    /// that is busy, and what the run has its listeners do.
    /// </summary>
    private static readonly string[] s_usual =
    [
        " CallbackData: The target silo became unavailable", " Connection: Exception while processing messages",
        " ConnectionManager: Connection attempt", " Grain: Failed to register grain", " GrainCallCancellationManager: Error while cancelling",
        " GrainDirectoryPartition: Remote host became unavailable", " LocalSiloHealthMonitor: ", " MembershipTableManager: ",
        " Messaging: Failed to address message", " is dropping message ", " Polly: ", " SiloHealthMonitor: ", " WorkItemGroup: Task ",
        " DefaultAntiforgery: ", " cannot reach its listener grain of key ", " cannot reach the listener grain of ",
        " cannot learn how the other silos share out its queues", " cannot learn what is paused and slowed down",
        " could not tell its circuit breakers how messages fared", " could not be told of its settings and has to ask for them",
        " queues could not be started, they are tried again", " MembershipFence: The queues of this silo ",
        " stands still at message ", " The listener of group chaos-queue failed on message ",
    ];

    /// <summary>Tells each kind once for each version, and complains of those that no roll explains.</summary>
    public static IEnumerable<string> Unexpected(IEnumerable<StartedSilo> silos, Action<string> say)
    {
        var kinds = silos.SelectMany(silo => silo.Program.Output.Concat(silo.Program.Errors).Where(line => Level().IsMatch(line)).Select(line => (silo.Build.Name, Kind: KindOf(line))))
            .GroupBy(line => line).OrderBy(kind => kind.Key).ToList();
        say(string.Empty);
        say("Warnings and errors, a kind a line:");
        say(string.Empty);
        kinds.ForEach(kind => say($"- {kind.Count()} x {kind.Key.Name}: {kind.Key.Kind}"));
        return kinds.Where(kind => !s_usual.Any(usual => kind.Key.Kind.Contains(usual, StringComparison.Ordinal)))
            .Select(kind => $"{kind.Count()} times logged by {kind.Key.Name}: {kind.Key.Kind}");
    }

    private static string KindOf(string line) => Particular().Replace(line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..], "#");

    [GeneratedRegex("^[0-9:]{8} (warn|fail|crit) ")]
    private static partial Regex Level();

    [GeneratedRegex("[0-9A-Fa-f]{8,}|[0-9]+")]
    private static partial Regex Particular();
}

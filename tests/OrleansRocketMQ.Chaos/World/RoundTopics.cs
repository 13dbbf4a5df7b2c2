namespace OrleansRocketMQ.Chaos.World;

/// <summary>The topics of a round, each with a group of its name, and the groups that consume one of these as well.</summary>
internal static class RoundTopics
{
    public const string Any = "chaos-any";
    public const string ByQueue = "chaos-queue";
    public const string ByKey = "chaos-key";

    public static readonly IReadOnlyList<string> All = [Any, ByQueue, ByKey];

    /// <summary>A broadcasting group that consumes <see cref="Any"/>, too; it runs where it is asked for.</summary>
    public const string Everywhere = "chaos-all";

    /// <summary>A group of typed listeners that consumes <see cref="ByKey"/>, too, and keeps what messages do in grain storage.</summary>
    public const string Effects = "chaos-effect";

    /// <summary>The groups that share out queues, with their topics.</summary>
    public static readonly IReadOnlyDictionary<string, string> TopicsOfGroups =
        All.ToDictionary(topic => topic).Append(new(Effects, ByKey)).ToDictionary();

    /// <summary>The groups of a topic that share out its queues.</summary>
    public static IEnumerable<string> GroupsOf(string topic) => TopicsOfGroups.Where(pair => pair.Value == topic).Select(pair => pair.Key);

    public static int QueuesPerMaster(string topic) => topic == Any ? 4 : 6;

    /// <summary>
    /// Whether a master has a topic. Order is kept in a queue, and a key goes to another queue when a master is away: ordered topics
    /// are on the first one alone.
    /// </summary>
    public static bool IsOn(string topic, bool isFirst) => isFirst || topic == Any;

    /// <summary>How many queues each topic has on so many masters.</summary>
    public static IReadOnlyDictionary<string, int> QueuesOn(int masters) => All.ToDictionary(
        topic => topic, topic => Enumerable.Range(0, masters).Count(place => IsOn(topic, place == 0)) * QueuesPerMaster(topic));
}

namespace OrleansRocketMQ.Cluster.Load;

/// <summary>
/// How long disturbances last and how often they come: as long as the mission asks for in a run whose figures are to be
/// published (<c>ROCKETMQ_CLUSTER_FULL=1</c>), shorter otherwise.
/// </summary>
internal static class Extent
{
    public static bool IsFull { get; } = Environment.GetEnvironmentVariable("ROCKETMQ_CLUSTER_FULL") == "1";

    /// <summary>How many silos are killed, one after the other.</summary>
    public static int Kills => IsFull ? 10 : 2;

    /// <summary>How many silos are killed while grains have effects.</summary>
    public static int KillsOfEffects => IsFull ? 100 : 2;

    /// <summary>How long the name server is away.</summary>
    public static TimeSpan WithoutNameServer => TimeSpan.FromSeconds(IsFull ? 60 : 4);

    /// <summary>How long connections stay cut.</summary>
    public static TimeSpan Cut => TimeSpan.FromSeconds(IsFull ? 10 : 3);
}

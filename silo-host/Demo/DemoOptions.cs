using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.SiloHost.Listeners;

namespace OrleansRocketMQ.SiloHost.Demo;

/// <summary>
/// The demo that runs unless <c>Demo:Enabled=false</c>, or <c>Listeners:Path</c> names listeners. Bound from the section
/// <c>Demo</c>.
/// </summary>
internal sealed class DemoOptions
{
    private const string Section = "Demo";

    /// <summary>Whether the demo producer and listener run. Default: unless there are listeners of one's own.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>The topic; made when it is not there.</summary>
    public string Topic { get; set; } = "OrleansRocketMQ_Demo";

    /// <summary>The group.</summary>
    public string Group { get; set; } = "OrleansRocketMQ_Demo";

    /// <summary>The queues of the topic when the demo makes it.</summary>
    public int Queues { get; set; } = 8;

    /// <summary>Messages a second when there is no end.</summary>
    public int Rate { get; set; } = 1000;

    /// <summary>Bytes of each message.</summary>
    public int BodyLength { get; set; } = 256;

    /// <summary>When set: that many messages are sent as fast as it goes, and the host ends when all were consumed.</summary>
    public int? Messages { get; set; }

    /// <summary>In a run with an end: how long the cluster may be away, or nothing may arrive, before it is given up.</summary>
    public TimeSpan Patience { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Whether the host ends by itself.</summary>
    public bool HasEnd => Enabled && Messages is not null;

    /// <exception cref="RocketMQValidationException">A setting is wrong.</exception>
    public static DemoOptions Read(IConfiguration configuration)
    {
        var section = configuration.GetSection(Section);
        var options = section.Get<DemoOptions>() ?? new DemoOptions();
        if (section[nameof(Enabled)] is null)
        {
            options.Enabled = string.IsNullOrWhiteSpace(configuration[ListenerAssemblies.PathKey]);
        }

        if (options.Enabled)
        {
            options.Check();
        }

        return options;
    }

    private void Check()
    {
        SystemTopics.CheckTopic(Topic, $"{Section}:{nameof(Topic)}");
        SystemTopics.CheckGroup(Group, $"{Section}:{nameof(Group)}");
        Between(Queues, 1, 1024, nameof(Queues));
        Between(Rate, 1, 1_000_000, nameof(Rate));
        Between(BodyLength, DemoLedger.HeaderLength, 1024 * 1024, nameof(BodyLength));
        Between(Messages ?? 1, 1, 100_000_000, nameof(Messages));
        Between(Patience, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1), nameof(Patience));
    }

    private static void Between<T>(T value, T least, T most, string field)
        where T : IComparable<T>
    {
        if (value.CompareTo(least) < 0 || value.CompareTo(most) > 0)
        {
            throw new RocketMQConfigurationException($"{Section}:{field}", value, $"{least} to {most}");
        }
    }
}

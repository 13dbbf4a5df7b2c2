using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.SiloHost.Demo;

/// <summary>The demo that runs unless <c>Demo:Enabled=false</c>. Bound from the section <c>Demo</c>.</summary>
internal sealed class DemoOptions
{
    /// <summary>Whether the demo producer and listener run.</summary>
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

    /// <summary>How long nothing may arrive before messages count as lost.</summary>
    public TimeSpan Patience { get; set; } = TimeSpan.FromSeconds(60);

    public void Check()
    {
        SystemTopics.CheckTopic(Topic, "Demo:Topic");
        SystemTopics.CheckGroup(Group, "Demo:Group");
        Between(Queues, 1, 1024, "Demo:Queues");
        Between(Rate, 1, 1_000_000, "Demo:Rate");
        Between(BodyLength, 24, 1024 * 1024, "Demo:BodyLength");
        Between(Messages ?? 1, 1, 100_000_000, "Demo:Messages");
    }

    private static void Between(int value, int least, int most, string field)
    {
        if (value < least || value > most)
        {
            throw new RocketMQConfigurationException(field, value, $"{least} to {most}");
        }
    }
}

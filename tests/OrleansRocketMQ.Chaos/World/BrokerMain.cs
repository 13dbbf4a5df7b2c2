using OrleansRocketMQ.Embedded;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>
/// The process of name server and brokers: two masters, the second with a slave, on the addresses of <see cref="Links"/>. Ends when
/// its input does. Understands <c>stop</c> and <c>start</c>, of the second master.
/// </summary>
internal static class BrokerMain
{
    public const string FirstBroker = "broker-a";

    /// <param name="arguments">Folder, then the ports of name server, first and second master and slave.</param>
    public static async Task<int> RunAsync(string[] arguments)
    {
        var ports = arguments[1..].Select(int.Parse).ToArray();
        await using var rocketmq = await EmbeddedRocketMQ.StartAsync(new EmbeddedRocketMQOptions
        {
            BindAddress = Links.Real,
            AdvertisedAddress = Links.Told,
            DataFolder = arguments[0],
            NameServerPort = ports[0],
            BrokerPort = ports[1],
            BrokerName = FirstBroker,
            SlaveReadEnable = true,
            AutoCreateTopics = false,
        });
        var second = await rocketmq.AddBrokerAsync("broker-b", ports[2]);
        await second.AddSlaveAsync(ports[3]);

        // Order is kept in a queue, and a key goes to another queue when a master is away: ordered topics are on one of them.
        CreateTopic(rocketmq.Broker, RoundTopics.Any, 4);
        CreateTopic(second, RoundTopics.Any, 4);
        CreateTopic(rocketmq.Broker, RoundTopics.ByQueue, 6);
        CreateTopic(rocketmq.Broker, RoundTopics.ByKey, 6);
        Console.WriteLine("ready");
        while (await Console.In.ReadLineAsync() is { } command)
        {
            await (command == "stop" ? second.StopAsync() : second.StartAsync());
            Console.WriteLine(command);
        }

        return 0;
    }

    private static void CreateTopic(EmbeddedBroker broker, string topic, int queues)
    {
        if (!broker.Topics.Contains(topic))
        {
            broker.CreateTopic(topic, queues);
        }
    }
}

/// <summary>The topics of a round, each with a group of its name.</summary>
internal static class RoundTopics
{
    public const string Any = "chaos-any";
    public const string ByQueue = "chaos-queue";
    public const string ByKey = "chaos-key";

    public static readonly IReadOnlyList<string> All = [Any, ByQueue, ByKey];

    /// <summary>A broadcasting group that consumes <see cref="Any"/>, too; it runs where it is asked for.</summary>
    public const string Everywhere = "chaos-all";

    /// <summary>The groups that listeners are there for.</summary>
    public static readonly IReadOnlyList<string> Groups = [.. All, Everywhere];
}

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

        CreateTopics(rocketmq.Broker, isFirst: true);
        CreateTopics(second, isFirst: false);
        Console.WriteLine("ready");
        while (await Console.In.ReadLineAsync() is { } command)
        {
            await (command == "stop" ? second.StopAsync() : second.StartAsync());
            Console.WriteLine(command);
        }

        return 0;
    }

    private static void CreateTopics(EmbeddedBroker broker, bool isFirst)
    {
        foreach (var topic in RoundTopics.All.Where(topic => RoundTopics.IsOn(topic, isFirst) && !broker.Topics.Contains(topic)))
        {
            broker.CreateTopic(topic, RoundTopics.QueuesPerMaster(topic));
        }
    }
}

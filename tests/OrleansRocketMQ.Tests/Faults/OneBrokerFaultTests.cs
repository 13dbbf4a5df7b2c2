using System.Text;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>
/// One of two brokers is silent. A request waits for minutes here, so whatever waits for that broker before it serves the
/// other one does not end within the time of a test.
/// </summary>
public sealed class OneBrokerFaultTests
{
    private static readonly TimeSpan BeyondTheTest = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task Silos_that_start_beside_a_silent_broker_consume_from_the_other_one_without_waiting_for_it()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        var silent = await AddSilentAsync(rocketmq);
        // Which broker is asked first is left to chance: several silos, each several times.
        await using (var cluster = await rocketmq.BeginAsync(silos: 2, setUp: options => options.RequestTimeout = BeyondTheTest))
        {
            await Eventually.TrueAsync(
                () => cluster.StatusOf(rocketmq.MyGroup) is { Count: 2 } all && all.SelectMany(silo => silo.Queues)
                    .Count(queue => queue.Queue.Topic == TestRocketMQ.Topic && queue.Queue.BrokerName == rocketmq.Broker.Name && queue.NextPullOffset >= 0) == 2,
                () => $"both queues of the broker that serves run; there is {string.Join("; ", cluster.StatusOf(rocketmq.MyGroup))}");
            var third = await cluster.Silos.StartAdditionalSiloAsync();
            await Eventually.TrueAsync(
                () => cluster.StatusOf(rocketmq.MyGroup) is { Count: 3 } all && all.All(silo => silo.Rebalances > 0), "the third has its part");

            for (var queue = 0; queue < 2; queue++)
            {
                await SendAsync(rocketmq, rocketmq.Broker.Name, queue, $"{queue}");
            }

            await rocketmq.UntilAllCameAsync(2);
            rocketmq.Faults.Clear();
            await silent.StopAsync();
        }
    }

    [Fact]
    public async Task A_subscription_that_changes_beside_a_broker_gone_silent_does_not_wait_for_it()
    {
        const string second = "second";
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        rocketmq.Broker.CreateTopic(second, 1);
        await using (var cluster = await rocketmq.BeginAsync(setUp: options => options.RequestTimeout = BeyondTheTest))
        {
            await cluster.UntilReadyAsync(rocketmq.MyGroup);
            var silent = await AddSilentAsync(rocketmq);
            silent.CreateTopic(second, 1);

            var management = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup);
            await management.SubscribeAsync(second);
            await rocketmq.Producer.SendAsync(new Message(second, "1"u8.ToArray()), new MessageQueue(second, rocketmq.Broker.Name, 0));
            await rocketmq.UntilAllCameAsync(1);
            await management.UnsubscribeAsync(second);

            rocketmq.Faults.Clear();
            await silent.StopAsync();
        }
    }

    private static async Task<EmbeddedBroker> AddSilentAsync(TestRocketMQ rocketmq)
    {
        var silent = await rocketmq.Embedded.AddBrokerAsync("broker-silent");
        silent.CreateTopic(TestRocketMQ.Topic, rocketmq.Broker.QueueCount(TestRocketMQ.Topic));
        rocketmq.Faults.Inject(Fault.NoAnswer() with { Servers = FaultServers.Brokers, BrokerName = silent.Name });
        return silent;
    }

    private static Task<SendResult> SendAsync(TestRocketMQ rocketmq, string broker, int queue, string body)
        => rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, Encoding.UTF8.GetBytes(body)), new MessageQueue(TestRocketMQ.Topic, broker, queue));
}

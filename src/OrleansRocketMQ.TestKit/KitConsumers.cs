using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;

namespace OrleansRocketMQ.TestKit;

/// <summary>
/// The consumers of one silo of a test kit, as they are set up in the end. Before any of them starts it keeps them at the
/// embedded broker and makes the topics they subscribe to, so that they need not wait for a topic's first message.
/// </summary>
internal sealed class KitConsumers(EmbeddedRocketMQ embedded, int queues) : ILifecycleParticipant<ISiloLifecycle>
{
    private readonly List<ConsumerOptions> _all = [];

    /// <summary>All of them; complete when the silo has started.</summary>
    public IReadOnlyList<ConsumerOptions> All => _all;

    public void Add(ConsumerOptions options) => _all.Add(options);

    public void Participate(ISiloLifecycle lifecycle)
        => lifecycle.Subscribe(nameof(KitConsumers), ServiceLifecycleStage.RuntimeInitialize, _ => Prepare(), _ => Task.CompletedTask);

    private Task Prepare()
    {
        foreach (var consumer in _all)
        {
            // Each may have name servers of its own.
            consumer.NameServer = null;
            foreach (var topic in consumer.Subscriptions.Keys)
            {
                if (embedded.Brokers.All(broker => broker.QueueCount(topic) == 0))
                {
                    embedded.CreateTopic(topic, queues);
                }
            }
        }

        return Task.CompletedTask;
    }
}

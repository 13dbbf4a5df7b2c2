namespace OrleansRocketMQ.Protocol;

/// <summary>The names of topics and groups in the bodies of frames, with a tenant's namespace and without.</summary>
internal static class NamespaceBodies
{
    public static MessageQueue Unwrap(this ClientNamespace names, MessageQueue queue)
        => names.IsNone ? queue : new(names.Unwrap(queue.Topic), queue.BrokerName, queue.QueueId);

    public static SubscriptionData Wrap(this ClientNamespace names, SubscriptionData subscription)
        => names.IsNone ? subscription : subscription with { Topic = names.Wrap(subscription.Topic) };

    public static HeartbeatData Wrap(this ClientNamespace names, HeartbeatData heartbeat) => names.IsNone
        ? heartbeat
        : heartbeat with
        {
            ConsumerDataSet =
            [
                .. heartbeat.ConsumerDataSet.Select(consumer => consumer with
                {
                    GroupName = names.Wrap(consumer.GroupName),
                    SubscriptionDataSet = [.. consumer.SubscriptionDataSet.Select(subscription => names.Wrap(subscription))],
                }),
            ],
            ProducerDataSet = [.. heartbeat.ProducerDataSet.Select(producer => new ProducerData(names.Wrap(producer.GroupName)))],
        };
}

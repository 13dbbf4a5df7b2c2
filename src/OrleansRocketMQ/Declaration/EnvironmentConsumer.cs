using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.Hosting;

/// <summary>A consumer that the environment alone describes, so that one image serves several deployments.</summary>
public static class EnvironmentConsumer
{
    /// <summary>Names the group.</summary>
    public const string GroupVariable = "ROCKETMQ_CONSUMER_GROUP";

    /// <summary>Topics separated by <c>;</c>, each alone or as <c>topic:tagA||tagB</c>.</summary>
    public const string SubscriptionsVariable = "ROCKETMQ_SUBSCRIPTIONS";

    /// <summary>Names the name servers; when it is not set, <c>NAMESRV_ADDR</c> does, as for Java's client.</summary>
    public const string NameServerVariable = "ROCKETMQ_NAMESRV_ADDR";

    private const string JavaNameServerVariable = "NAMESRV_ADDR";

    /// <summary>
    /// Adds the consumer group that <c>ROCKETMQ_CONSUMER_GROUP</c>, <c>ROCKETMQ_SUBSCRIPTIONS</c> and
    /// <c>ROCKETMQ_NAMESRV_ADDR</c> describe. The name server may come from elsewhere. All other settings have variables,
    /// too, which hold for consumers however they were added.
    /// </summary>
    /// <typeparam name="TListener">The listener: a grain class, or a grain interface that exactly one class implements.</typeparam>
    /// <param name="builder">The silo's builder.</param>
    /// <param name="configure">Sets further options.</param>
    /// <exception cref="RocketMQConfigurationException">A variable is missing or wrong; the error names it.</exception>
    public static RocketMQBuilder AddConsumerFromEnvironment<TListener>(
        this RocketMQBuilder builder,
        Action<ConsumerBuilder>? configure = null)
        where TListener : IConcurrentListener
        => builder.AddConsumerFrom<TListener>(new EnvironmentVariables(), configure);

    internal static RocketMQBuilder AddConsumerFrom<TListener>(
        this RocketMQBuilder builder,
        EnvironmentVariables environment,
        Action<ConsumerBuilder>? configure = null)
        where TListener : IConcurrentListener
    {
        ArgumentNullException.ThrowIfNull(builder);
        var group = environment[GroupVariable]
            ?? throw new RocketMQConfigurationException(GroupVariable, null, "the name of a consumer group");
        var subscriptions = SubscriptionsOf(environment[SubscriptionsVariable]);
        if ((environment[NameServerVariable] ?? environment[JavaNameServerVariable]) is { } nameServer)
        {
            builder.UseNameServer(nameServer);
        }

        return builder.AddConsumer<TListener>(group, consumer =>
        {
            foreach (var (topic, selector) in subscriptions)
            {
                consumer.Subscribe(topic, selector);
            }

            configure?.Invoke(consumer);
        });
    }

    private static List<KeyValuePair<string, MessageSelector>> SubscriptionsOf(string? text)
    {
        const string Expected = "topics separated by ';', each alone or as topic:tagA||tagB";
        var subscriptions = new List<KeyValuePair<string, MessageSelector>>();
        foreach (var entry in (text ?? string.Empty).Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var parts = entry.Split(':', 2, StringSplitOptions.TrimEntries);
            try
            {
                Protocol.SystemTopics.CheckTopic(parts[0]);
                subscriptions.Add(new(parts[0], MessageSelector.ByTag(parts.Length > 1 ? parts[1] : null)));
            }
            catch (RocketMQValidationException)
            {
                throw new RocketMQConfigurationException(SubscriptionsVariable, text, Expected);
            }
        }

        return subscriptions.Count > 0 ? subscriptions : throw new RocketMQConfigurationException(SubscriptionsVariable, text, Expected);
    }
}

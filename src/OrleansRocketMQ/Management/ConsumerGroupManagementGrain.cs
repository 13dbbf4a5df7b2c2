using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Statistics;

namespace OrleansRocketMQ.Management;

/// <inheritdoc cref="IConsumerGroupManagementGrain"/>
[StatelessWorker]
internal sealed class ConsumerGroupManagementGrain(IGrainContext context, ConsumerRegistry consumers, RocketMQConsumers controls, GroupSeek seek)
    : Grain, IConsumerGroupManagementGrain
{
    private string Group => context.GrainId.Key.ToString()!;

    private IGroupSettingsGrain Settings => GrainFactory.GetGrain<IGroupSettingsGrain>(Group);

    public async Task<ConsumerGroupStatus> GetStatusAsync(CancellationToken cancellationToken = default)
    {
        var consumer = Consumer("tell its status");
        var view = consumer.View;
        var reporting = Settings.DescribeAsync();
        var flow = Settings.GetAsync();
        var queues = await Task.WhenAll(view.Queues.Order().Select(queue => DescribeAsync(consumer, queue)));
        var reports = await reporting;
        var topics = reports.SelectMany(report => report.Topics).GroupBy(topic => topic.Key, topic => topic.Value)
            .ToDictionary(topic => topic.Key, ConsumeTotals.Sum, StringComparer.Ordinal);
        return new ConsumerGroupStatus
        {
            Group = Group,
            ClientIds = view.ClientIds,
            Queues = queues,
            Flow = await flow,
            Figures = ConsumeTotals.Sum(topics.Values).ToFigures(),
            Topics = topics.ToDictionary(topic => topic.Key, topic => topic.Value.ToFigures(), StringComparer.Ordinal),
            Silos = reports.Select(report => report.Status).OrderBy(silo => silo.Silo, StringComparer.Ordinal).ToArray(),
        };
    }

    public Task<FlowSettings> PauseAsync(ConsumerScope scope) => Settings.PauseAsync(Checked(scope, "pause"));

    public Task<FlowSettings> ResumeAsync(ConsumerScope scope) => Settings.ResumeAsync(Checked(scope, "resume"));

    public Task<FlowSettings> LimitRateAsync(string topic, double? messagesPerSecond)
    {
        Checked(ConsumerScope.OfTopic(topic), "limit its rate");

        // Refused here already, where the caller sees it for certain.
        FlowSettings.None.LimitRate(topic, messagesPerSecond);
        return Settings.LimitRateAsync(topic, messagesPerSecond);
    }

    public Task<FlowSettings> GetFlowAsync() => Settings.GetAsync();

    public async Task<IReadOnlyDictionary<MessageQueue, long>> SeekAsync(ConsumerScope scope, SeekTarget target)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(target);
        if (target.Offset is not null && scope.Queue is null)
        {
            throw new RocketMQValidationException("Scope", scope, $"one queue, because {target} means another message in each");
        }

        var control = controls.Control(Group, "seek");
        if (consumers.Find(Group) is not { } consumer)
        {
            return await seek.MoveAsync(control, control.Client ?? throw new ConsumerStateException(Group, "on a silo that is not active yet", "seek"), scope, target);
        }

        var topics = control.Subscriptions.List().Select(subscription => subscription.Topic).Concat(consumer.Subscriptions.All.Select(subscription => subscription.Topic));
        return await seek.MoveAsync(consumer, [.. topics], scope, target);
    }

    private GroupConsumer Consumer(string operation)
        => consumers.Find(Group) ?? throw new ConsumerStateException(Group, "not running on this silo", operation);

    private ConsumerScope Checked(ConsumerScope scope, string operation)
    {
        ArgumentNullException.ThrowIfNull(scope);
        var subscriptions = Consumer(operation).Subscriptions;
        return scope.Topic is null || subscriptions.Has(scope.Topic)
            ? scope
            : throw new RocketMQValidationException("Topic", scope.Topic, $"one the group subscribes to: {string.Join(", ", subscriptions.All.Select(subscription => subscription.Topic))}");
    }

    private async Task<QueueStatus> DescribeAsync(GroupConsumer consumer, MessageQueue queue)
    {
        var owner = consumer.View.OwnerOf(queue) ?? string.Empty;
        if (consumer.View.SiloOf(queue) is null)
        {
            return new QueueStatus { Queue = queue, Owner = owner };
        }

        var status = await GrainFactory.GetGrain<IMessageQueueGrain>(consumer.GrainKeyOf(queue)).GetStatusAsync();
        return status with { Owner = owner };
    }
}

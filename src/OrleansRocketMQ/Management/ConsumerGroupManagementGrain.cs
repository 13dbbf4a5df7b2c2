using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Statistics;

namespace OrleansRocketMQ.Management;

/// <inheritdoc cref="IConsumerGroupManagementGrain"/>
[StatelessWorker]
internal sealed class ConsumerGroupManagementGrain(
    IGrainContext context, ConsumerRegistry consumers, RocketMQConsumers controls, GroupSeek seek, GroupPlacement placement, GroupSwitch onOff)
    : Grain, IConsumerGroupManagementGrain
{
    private string Group => context.GrainId.Key.ToString()!;

    private IGroupSettingsGrain Settings => GrainFactory.GetGrain<IGroupSettingsGrain>(Group);

    public async Task<ConsumerGroupStatus> GetStatusAsync(CancellationToken cancellationToken = default)
    {
        var consumer = Consumer("tell its status");
        var view = consumer.View;
        var reporting = Settings.DescribeAsync();
        var settings = await Settings.GetAsync();
        var queues = await Task.WhenAll(view.Queues.Order().Select(queue => DescribeAsync(consumer, view, queue, settings.Placement.PinOf(queue))));
        var reports = await reporting;
        var topics = reports.SelectMany(report => report.Topics).GroupBy(topic => topic.Key, topic => topic.Value)
            .ToDictionary(topic => topic.Key, ConsumeTotals.Sum, StringComparer.Ordinal);
        return new ConsumerGroupStatus
        {
            Group = Group,
            ClientIds = view.ClientIds,
            Queues = queues,
            Flow = settings.Flow,
            Figures = ConsumeTotals.Sum(topics.Values).ToFigures(),
            Topics = topics.ToDictionary(topic => topic.Key, topic => topic.Value.ToFigures(), StringComparer.Ordinal),
            Silos = reports.Select(report => report.Status with { IsDrained = settings.Placement.Drained.Contains(report.Status.Silo) }).OrderBy(silo => silo.Silo, StringComparer.Ordinal).ToArray(),
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

    public async Task<FlowSettings> GetFlowAsync() => (await Settings.GetAsync()).Flow;

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

    public Task MoveQueueAsync(MessageQueue queue, string silo)
    {
        ArgumentNullException.ThrowIfNull(queue);
        ArgumentException.ThrowIfNullOrWhiteSpace(silo);
        return placement.MoveAsync(Consumer("move a queue"), queue, silo);
    }

    public Task ReleaseQueueAsync(MessageQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        return placement.ReleaseAsync(Consumer("release a queue"), queue);
    }

    public Task<IReadOnlyList<MessageQueue>> DrainSiloAsync(string silo)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(silo);
        return placement.DrainAsync(Consumer("drain a silo"), silo);
    }

    public Task RestoreSiloAsync(string silo)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(silo);
        return placement.RestoreAsync(Consumer("restore a silo"), silo);
    }

    public Task SubscribeAsync(string topic, MessageSelector? selector = null)
        => controls.Control(Group, "change its subscriptions").Subscriptions.SubscribeAsync(topic, selector);

    public Task UnsubscribeAsync(string topic) => controls.Control(Group, "change its subscriptions").Subscriptions.UnsubscribeAsync(topic);

    public Task<IReadOnlyList<string>> StartAsync() => onOff.SwitchAsync(Group, on: true);

    public Task<IReadOnlyList<string>> StopAsync() => onOff.SwitchAsync(Group, on: false);

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

    private async Task<QueueStatus> DescribeAsync(GroupConsumer consumer, AllocationView view, MessageQueue queue, string? pin)
    {
        var owner = view.OwnerOf(queue) ?? string.Empty;
        var home = view.SiloOf(queue)?.ToParsableString();
        var status = new QueueStatus { Queue = queue };
        try
        {
            if (home is not null)
            {
                status = await GrainFactory.GetGrain<IMessageQueueGrain>(consumer.GrainKeyOf(queue)).GetStatusAsync();
            }
        }
        catch (Exception exception) when (exception is RebalanceException or OrleansException or TimeoutException)
        {
            // What moves cannot be asked for moments; the other queues are to be seen all the same.
            status = status with { LastError = exception.Message };
        }

        return status with
        {
            Owner = owner,
            PinnedTo = pin ?? string.Empty,
            IsPinIgnored = pin is not null && pin != home,
            IsMoving = home is not null && (status.Silo != home || status.NextPullOffset < 0),
        };
    }
}

using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Statistics;

namespace OrleansRocketMQ.Management;

/// <inheritdoc cref="IConsumerGroupOnSiloGrain"/>
// Reentrant: a drain takes minutes, and nothing is kept here.
[Reentrant]
[OnNamedSiloPlacement]
internal sealed class ConsumerGroupOnSiloGrain(
    IGrainContext context, ConsumerRegistry consumers, RocketMQConsumers controls, GroupSeek seek, GroupPlacement placement)
    : Grain, IConsumerGroupOnSiloGrain
{
    private string Group { get; } = ConsumerSwitchGrain.GroupOf(context.GrainId.Key.ToString()!);

    private IGroupSettingsGrain Settings => GrainFactory.GetGrain<IGroupSettingsGrain>(Group);

    public Task<GroupPresence> GetPresenceAsync() => Task.FromResult(
        consumers.Find(Group) is not null ? GroupPresence.Running
        : controls.Find(Group) is null ? GroupPresence.None
        : GroupPresence.Stopped);

    public async Task<ConsumerGroupStatus> GetStatusAsync()
    {
        var consumer = Consumer();
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

    public Task<FlowSettings> PauseAsync(ConsumerScope scope) => Settings.PauseAsync(Checked(scope));

    public Task<FlowSettings> ResumeAsync(ConsumerScope scope) => Settings.ResumeAsync(Checked(scope));

    public Task<FlowSettings> LimitRateAsync(string topic, double? messagesPerSecond)
    {
        Checked(ConsumerScope.OfTopic(topic));

        // Refused here already, where the caller sees it for certain.
        FlowSettings.None.LimitRate(topic, messagesPerSecond);
        return Settings.LimitRateAsync(topic, messagesPerSecond);
    }

    public async Task<ConsumerGroupStatus> GetStoppedStatusAsync()
    {
        var settings = await Settings.GetAsync();
        var queues = await GroupSeek.QueuesAsync(controls.Control(Group, "tell its status"));
        return new ConsumerGroupStatus
        {
            Group = Group,
            State = ConsumerGroupState.Stopped,
            ClientIds = [],
            Queues = [.. queues.Order().Select(queue => new QueueStatus
            {
                Queue = queue,
                PinnedTo = settings.Placement.PinOf(queue) ?? string.Empty,
                IsPinIgnored = settings.Placement.PinOf(queue) is not null,
            })],
            Flow = settings.Flow,
        };
    }

    public async Task<IReadOnlyDictionary<MessageQueue, long>> SeekAsync(ConsumerScope scope, SeekTarget target)
    {
        var consumer = Consumer();
        return await seek.MoveAsync(consumer, [.. Topics()], scope, target);
    }

    public async Task<IReadOnlyDictionary<MessageQueue, long>> SeekStoppedAsync(ConsumerScope scope, SeekTarget target)
        => await seek.MoveAsync(controls.Control(Group, "seek"), scope, target);

    public Task MoveQueueAsync(MessageQueue queue, string silo) => placement.MoveAsync(Consumer(), queue, silo);

    public Task ReleaseQueueAsync(MessageQueue queue) => placement.ReleaseAsync(Consumer(), queue);

    public Task<IReadOnlyList<MessageQueue>> DrainSiloAsync(string silo) => placement.DrainAsync(Consumer(), silo);

    public Task RestoreSiloAsync(string silo) => placement.RestoreAsync(Consumer(), silo);

    public Task SubscribeAsync(string topic, MessageSelector? selector)
        => controls.Control(Group, "change its subscriptions").Subscriptions.SubscribeAsync(topic, selector);

    public Task UnsubscribeAsync(string topic) => controls.Control(Group, "change its subscriptions").Subscriptions.UnsubscribeAsync(topic);

    /// <exception cref="GroupRunsElsewhereException">It has stopped here.</exception>
    private GroupConsumer Consumer() => consumers.Find(Group) ?? throw new GroupRunsElsewhereException(Group);

    private IEnumerable<string> Topics() => controls.Control(Group, "tell its topics").Subscriptions.List().Select(subscription => subscription.Topic)
        .Concat(consumers.Find(Group)?.Subscriptions.All.Select(subscription => subscription.Topic) ?? [SystemTopics.Retry(Group)]).Distinct(StringComparer.Ordinal);

    private ConsumerScope Checked(ConsumerScope scope) => scope.Topic is null || Topics().Contains(scope.Topic, StringComparer.Ordinal)
        ? scope
        : throw new RocketMQValidationException("Topic", scope.Topic, $"one the group subscribes to: {string.Join(", ", Topics())}");

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

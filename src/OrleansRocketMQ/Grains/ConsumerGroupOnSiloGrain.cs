using System.Collections.Immutable;
using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Allocation;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Statistics;
using OrleansRocketMQ.Subscriptions;

namespace OrleansRocketMQ.Management;

/// <inheritdoc cref="IConsumerGroupOnSiloGrain"/>
// Reentrant: a drain takes minutes, and nothing is kept here.
[Reentrant]
[OnNamedSiloPlacement]
internal sealed class ConsumerGroupOnSiloGrain(
    IGrainContext context,
    ConsumerRegistry consumers,
    RocketMQConsumers controls,
    GroupSilos silos,
    GroupSeek seek,
    GroupPlacement placement,
    ILocalSiloDetails silo,
    TimeProvider time) : Grain, IConsumerGroupOnSiloGrain
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private string Group { get; } = GroupOnSiloKey.GroupOf(context.GrainId.Key.ToString()!);

    private string Silo => silo.SiloAddress.ToParsableString();

    private IGroupSettingsGrain Settings => GrainFactory.GetGrain<IGroupSettingsGrain>(Group);

    public Task<GroupPresence> GetPresenceAsync() => Task.FromResult(
        consumers.Find(Group) is not null ? GroupPresence.Running
        : controls.Find(Group) is null ? GroupPresence.None
        : GroupPresence.Stopped);

    public Task LearnSubscriptionsAsync(ImmutableArray<SubscriptionDecision> decisions)
    {
        controls.Controls.FirstOrDefault(control => control.Group == Group)?.Book.Apply(decisions);
        return Task.CompletedTask;
    }

    public Task<List<MessageQueue>> GetQueuesAsync() => Task.FromResult<List<MessageQueue>>([.. consumers.Find(Group)?.Pumps.Keys ?? []]);

    public Task<SiloReport> GetReportAsync()
    {
        var consumer = Consumer();
        return Task.FromResult(SiloReport.Of(consumer, Silo) with
        {
            Statuses = [.. consumer.Pumps.Values.Select(pump => pump.Describe() with { Silo = Silo })],
        });
    }

    public async Task<ConsumerGroupStatus> GetStatusAsync()
    {
        var consumer = Consumer();
        var view = consumer.View;
        var asking = AskAsync(consumer, view);
        var settings = await Settings.GetAsync();
        var reports = await asking;
        var topics = reports.All.SelectMany(report => report.Topics).GroupBy(topic => topic.Key, topic => (ConsumeTotals)topic.Value)
            .ToDictionary(topic => topic.Key, ConsumeTotals.Sum, StringComparer.Ordinal);
        return new ConsumerGroupStatus
        {
            Group = Group,
            ClientIds = view.ClientIds,
            Queues = [.. view.Queues.Order().Select(queue => reports.Describe(view, queue, settings.Placement.PinOf(queue)))],
            SubscribedTopics = [.. consumer.Subscriptions.All.Select(subscription => subscription.Topic).Order(StringComparer.Ordinal)],
            Flow = settings.Flow,
            Figures = ConsumeTotals.Sum(topics.Values).ToFigures(),
            Topics = topics.ToDictionary(topic => topic.Key, topic => topic.Value.ToFigures(), StringComparer.Ordinal),
            Silos =
            [
                .. reports.All
                    .Select(report => report.Status with { IsDrained = settings.Placement.Drained.Contains(report.Status.Silo) })
                    .OrderBy(told => told.Silo, StringComparer.Ordinal),
            ],
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
    private ConsumerGroupRuntime Consumer() => consumers.Find(Group) ?? throw new GroupRunsElsewhereException(Group);

    private IEnumerable<string> Topics() => controls.Control(Group, "tell its topics").Subscriptions.List()
        .Select(subscription => subscription.Topic)
        .Concat(consumers.Find(Group)?.Subscriptions.All.Select(subscription => subscription.Topic) ?? [SystemTopics.Retry(Group)])
        .Distinct(StringComparer.Ordinal);

    private ConsumerScope Checked(ConsumerScope scope) => scope.Topic is null || Topics().Contains(scope.Topic, StringComparer.Ordinal)
        ? scope
        : throw new RocketMQValidationException("Topic", scope.Topic, $"one the group subscribes to: {string.Join(", ", Topics())}");

    /// <summary>One call for each silo; all are asked at once.</summary>
    private async Task<GroupReports> AskAsync(ConsumerGroupRuntime consumer, AllocationView view)
    {
        if (consumer.IsBroadcasting)
        {
            // Each sees itself only; the others are known to the settings' grain. Their queues are their own.
            var others = (await Settings.DescribeAsync()).Where(report => report.Status.Silo != Silo);
            return new GroupReports([await GetReportAsync(), .. others], new Dictionary<string, string>());
        }

        var errors = new Dictionary<string, string>(StringComparer.Ordinal);
        var reports = await Task.WhenAll(view.Silos().Append(silo.SiloAddress).Distinct().Select(async other =>
        {
            try
            {
                return other.Equals(silo.SiloAddress)
                    ? await GetReportAsync()
                    : await silos.On(other, Group).GetReportAsync().WaitAsync(Patience, time);
            }
            catch (Exception exception) when (exception is RocketMQException or OrleansException or TimeoutException)
            {
                // What one silo does not tell is unknown; the others are to be seen all the same. In turns of this grain.
                errors[other.ToParsableString()] = $"Silo {other.ToParsableString()} does not tell: {exception.Message}";
                return null;
            }
        }));
        return new GroupReports([.. reports.OfType<SiloReport>()], errors);
    }
}

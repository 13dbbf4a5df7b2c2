using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Storage;

namespace OrleansRocketMQ.Management;

/// <summary>
/// Lets queues of a group go on somewhere else. A queue that runs is told so where it runs, because whoever has it commits
/// what he thinks; the offset of one that nobody runs is changed at its broker. Mirrors mqadmin's
/// <c>resetOffsetByTime</c>, which can only be sure of the latter.
/// </summary>
internal sealed partial class GroupSeek(
    IGrainFactory grains,
    IClusterMembershipService membership,
    IOptions<RocketMQOptions> options,
    IServiceProvider services,
    TimeProvider time,
    ILogger<GroupSeek> logger)
{
    // A queue that moves is nowhere for moments; one that cannot start may be nowhere for long.
    private static readonly TimeSpan LongestAbsence = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromMilliseconds(50);

    /// <summary>Moves queues of a group that runs on this silo.</summary>
    /// <param name="consumer">The group.</param>
    /// <param name="all">The topics it subscribes to, those included that are not active.</param>
    /// <param name="scope">Which queues.</param>
    /// <param name="target">Where to.</param>
    public async Task<Dictionary<MessageQueue, long>> MoveAsync(
        ConsumerGroupRuntime consumer,
        IEnumerable<string> all,
        ConsumerScope scope,
        SeekTarget target)
    {
        var queues = await QueuesAsync(consumer.Client, all, consumer.Subscriptions.RetryTopic, scope).ConfigureAwait(false);
        foreach (var queue in queues)
        {
            CheckOwner(consumer, queue);
        }

        var offsets = await SeekOffsets.FindAsync(consumer.Client, queues, target).ConfigureAwait(false);
        var settings = await BeginAsync(consumer.Group, scope, target, offsets.Count);
        var names = consumer.IsBroadcasting ? await MembersAsync(consumer, queues).ConfigureAwait(false) : [consumer.Instance];
        await Task.WhenAll(offsets.SelectMany(pair => names
            .Select(name => MoveAsync(consumer, pair.Key, pair.Value, name, settings)))).ConfigureAwait(false);
        return offsets;
    }

    /// <summary>Moves queues of a group that is stopped everywhere.</summary>
    /// <inheritdoc cref="MoveAsync(ConsumerGroupRuntime, IEnumerable{string}, ConsumerScope, SeekTarget)"/>
    public async Task<Dictionary<MessageQueue, long>> MoveAsync(ConsumerLifecycle control, ConsumerScope scope, SeekTarget target)
    {
        var client = ClientOf(control, "seek");
        if (control.Options.MessageModel == MessageModel.Broadcasting)
        {
            throw new ConsumerStateException(control.Group, "stopped, and each silo keeps its own offsets", "seek");
        }

        var queues = await QueuesAsync(control, client, scope).ConfigureAwait(false);
        foreach (var broker in queues.Select(queue => client.Routes.MasterOf(queue)).Distinct())
        {
            if (await client.Brokers.GetConsumerIdsAsync(broker, control.Group).ConfigureAwait(false) is { Count: > 0 } members)
            {
                throw new ConsumerStateException(
                    control.Group, $"stopped on this silo, but not by {string.Join(", ", members)}", "seek from here");
            }
        }

        var offsets = await SeekOffsets.FindAsync(client, queues, target).ConfigureAwait(false);
        await BeginAsync(control.Group, scope, target, offsets.Count);
        await Task.WhenAll(offsets.Select(async pair =>
        {
            // Before the offset: what was done before says nothing about what is to be done then. Nobody runs the queue who
            // would remove it.
            await ClearCheckpointAsync(control.Group, pair.Key).ConfigureAwait(false);
            await CommitAsync(client, control.Group, pair.Key, pair.Value).ConfigureAwait(false);
        })).ConfigureAwait(false);
        return offsets;
    }

    /// <summary>The queues of what a group subscribes to, whether it runs or not.</summary>
    /// <exception cref="ConsumerStateException">This silo is not active yet.</exception>
    public static Task<List<MessageQueue>> QueuesAsync(ConsumerLifecycle control)
        => QueuesAsync(control, ClientOf(control, "tell its queues"), ConsumerScope.Everything);

    private static RocketMQClient ClientOf(ConsumerLifecycle control, string operation)
        => control.Client ?? throw new ConsumerStateException(control.Group, "on a silo that is not active yet", operation);

    private static Task<List<MessageQueue>> QueuesAsync(ConsumerLifecycle control, RocketMQClient client, ConsumerScope scope)
    {
        var retries = SystemTopics.Retry(control.Group);
        return QueuesAsync(client, control.Subscriptions.List().Select(subscription => subscription.Topic).Append(retries), retries, scope);
    }

    /// <summary>
    /// Lets grains that hold effects know, before the first message comes again, that a new reading begins. What is given to them
    /// until the queue has moved counts as part of it. A silo that could not be told hears of it with the seek of its queue. Where it
    /// cannot be noted the seek goes on, unless effects are to run again.
    /// </summary>
    private async Task<FlowSettings?> BeginAsync(string group, ConsumerScope scope, SeekTarget target, int queues)
    {
        Log.Seeks(logger, group, scope, target, queues);
        try
        {
            return await grains.GetGrain<IGroupSettingsGrain>(group).MarkSeekAsync(scope, target.EffectsAgain);
        }
        catch (Exception exception) when (!target.EffectsAgain)
        {
            // The storage of settings is away, or a silo of an older version has them.
            Log.SeekNotNoted(logger, group, scope, exception);
            return null;
        }
    }

    private Task ClearCheckpointAsync(string group, MessageQueue queue)
    {
        var grain = QueueGrainKey.GrainOf(group, queue);
        var runtime = SiloRuntime.Of(time);
        var records = QueueRecords.Checkpoints(StateStorage.Find(services), _ => grain);
        var checkpoint = new QueueCheckpoint(records, queue, group, runtime, logger)
        {
            MayExist = true,
        };
        return runtime.Scheduler.Run(checkpoint.ClearAsync);
    }

    private static Task CommitAsync(RocketMQClient client, string group, MessageQueue queue, long offset)
        => queue.IsLogical
            ? client.CommitLogicalOffsetAsync(group, queue, offset)
            : client.Routes.AtLeaderAsync(queue, master => client.Brokers.UpdateConsumerOffsetAsync(master, group, queue, offset));

    private static async Task<List<MessageQueue>> QueuesAsync(
        RocketMQClient client,
        IEnumerable<string> topics,
        string retryTopic,
        ConsumerScope scope)
    {
        string[] known = [.. topics.Distinct(StringComparer.Ordinal)];
        if (scope.Topic is not null && !known.Contains(scope.Topic))
        {
            throw new RocketMQValidationException("Topic", scope.Topic, $"one the group subscribes to: {string.Join(", ", known)}");
        }

        var queues = new List<MessageQueue>();
        foreach (var topic in known.Where(topic => scope.Topic is null || scope.Topic == topic))
        {
            try
            {
                queues.AddRange((await client.Routes.GetAsync(topic).ConfigureAwait(false)).ReadQueues.Where(scope.Contains));
            }
            catch (TopicNotFoundException) when (scope.Topic is null || topic == retryTopic)
            {
                // Nothing has failed yet, or the topic is yet to be made; it has nothing to move.
            }
        }

        return scope.Queue is null || queues.Count > 0
            ? queues
            : throw new RocketMQValidationException("Queue", scope.Queue, $"one the topic {scope.Topic} has");
    }

    /// <summary>What another program consumes it alone can move: it would commit its own offset over any other.</summary>
    private static void CheckOwner(ConsumerGroupRuntime consumer, MessageQueue queue)
    {
        if (consumer.View.OwnerOf(queue) is { } owner && consumer.View.SiloOf(queue) is null)
        {
            throw new RebalanceException(
                $"{queue} is consumed by '{owner}', a member of group '{consumer.Group}' in another program; "
                    + "it cannot be moved from here.");
        }
    }

    /// <summary>The names of the silos that all have every queue.</summary>
    private async Task<IReadOnlyList<string?>> MembersAsync(ConsumerGroupRuntime consumer, List<MessageQueue> queues)
    {
        if (queues.Count == 0)
        {
            return [];
        }

        var master = consumer.Client.Routes.MasterOf(queues[0]);
        var listed = await consumer.Client.Brokers.GetConsumerIdsAsync(master, consumer.Group).ConfigureAwait(false);
        return
        [
            .. membership.CurrentSnapshot.Members.Values
                .Where(member => member.Status == SiloStatus.Active
                    && listed.Contains(ClientIdentity.Of(member.SiloAddress, options.Value.UnitName)))
                .Select(member => member.Name).Append(consumer.Instance).Distinct(StringComparer.Ordinal),
        ];
    }

    private async Task MoveAsync(
        ConsumerGroupRuntime consumer, MessageQueue queue, long offset, string? instance, FlowSettings? settings)
    {
        if (consumer.View.OwnerOf(queue) is null && !consumer.IsBroadcasting && consumer.View.ClientIds.Count > 0)
        {
            // Its topic is not consumed now, or it is left to nobody.
            await CommitAsync(consumer.Client, consumer.Group, queue, offset).ConfigureAwait(false);
            return;
        }

        var start = time.GetTimestamp();
        while (!await TellAsync(consumer.Group, queue, offset, instance, settings).ConfigureAwait(false))
        {
            if (time.GetElapsedTime(start) > LongestAbsence)
            {
                throw new ConsumerStateException(
                    consumer.Group,
                    $"not running {queue}",
                    $"seek there; it was waited for {LongestAbsence.TotalSeconds:F0} s");
            }

            await Task.Delay(AskAgainAfter, time).ConfigureAwait(false);
        }
    }

    private async Task<bool> TellAsync(string group, MessageQueue queue, long offset, string? instance, FlowSettings? settings)
    {
        try
        {
            var grain = grains.GetGrain<IMessageQueueGrain>(QueueGrainKey.Of(group, queue, instance));
            CarriedSettings.Give(settings);
            return await grain.SeekAsync(offset).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is RebalanceException or OrleansException)
        {
            // It is on its way from one silo to another.
            Log.NotThere(logger, group, queue, exception.Message);
            return false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(167, LogLevel.Information, "Group {Group}: {Scope} goes on at {Target}, {Count} queues")]
        public static partial void Seeks(ILogger logger, string group, ConsumerScope scope, SeekTarget target, int count);

        [LoggerMessage(168, LogLevel.Debug, "Group {Group}: {Queue} cannot be reached just now, it is asked again: {Reason}")]
        public static partial void NotThere(ILogger logger, string group, MessageQueue queue, string reason);

        [LoggerMessage(
            364,
            LogLevel.Warning,
            "Group {Group}: it could not be noted that {Scope} is read from another place. The seek goes on; effects do not run again")]
        public static partial void SeekNotNoted(ILogger logger, string group, ConsumerScope scope, Exception exception);
    }
}

using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;

namespace OrleansRocketMQ.Management;

/// <inheritdoc cref="IConsumerGroupManagementGrain"/>
/// <remarks>Runs on whatever silo is asked, and lets a silo of the group do it.</remarks>
[StatelessWorker]
internal sealed class ConsumerGroupManagementGrain(
    IGrainContext context,
    ILocalSiloDetails local,
    IServiceProvider services) : Grain, IConsumerGroupManagementGrain
{
    // The group may stop on a silo, or the silo may go, while the way there is found.
    private const int MostAttempts = 3;

    private string Group => context.GrainId.Key.ToString()!;

    private GroupSilos Silos => Needed<GroupSilos>();

    private GroupSwitch OnOff => Needed<GroupSwitch>();

    public Task<ConsumerGroupStatus> GetStatusAsync(CancellationToken cancellationToken = default)
        => WhereItRunsAsync("tell its status", group => group.GetStatusAsync(), group => group.GetStoppedStatusAsync())
            .WaitAsync(cancellationToken);

    public Task<FlowSettings> PauseAsync(ConsumerScope scope)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return WhereItIsAsync("pause", group => group.PauseAsync(scope));
    }

    public Task<FlowSettings> ResumeAsync(ConsumerScope scope)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return WhereItIsAsync("resume", group => group.ResumeAsync(scope));
    }

    public Task<FlowSettings> LimitRateAsync(string topic, double? messagesPerSecond)
        => WhereItIsAsync("limit its rate", group => group.LimitRateAsync(topic, messagesPerSecond));

    public async Task<FlowSettings> GetFlowAsync() => (await GrainFactory.GetGrain<IGroupSettingsGrain>(Group).GetAsync()).Flow;

    public Task<IReadOnlyDictionary<MessageQueue, long>> SeekAsync(ConsumerScope scope, SeekTarget target)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(target);
        if (target.Offset is not null && scope.Queue is null)
        {
            throw new RocketMQValidationException("Scope", scope, $"one queue, because {target} means another message in each");
        }

        return WhereItRunsAsync("seek", group => group.SeekAsync(scope, target), group => group.SeekStoppedAsync(scope, target));
    }

    public Task MoveQueueAsync(MessageQueue queue, string silo)
    {
        ArgumentNullException.ThrowIfNull(queue);
        ArgumentException.ThrowIfNullOrWhiteSpace(silo);
        return WhereItRunsAsync("move a queue", group => group.MoveQueueAsync(queue, silo));
    }

    public Task ReleaseQueueAsync(MessageQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        return WhereItRunsAsync("release a queue", group => group.ReleaseQueueAsync(queue));
    }

    public Task<IReadOnlyList<MessageQueue>> DrainSiloAsync(string silo)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(silo);
        return WhereItRunsAsync("drain a silo", group => group.DrainSiloAsync(silo), stopped: null);
    }

    public Task RestoreSiloAsync(string silo)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(silo);
        return WhereItRunsAsync("restore a silo", group => group.RestoreSiloAsync(silo));
    }

    public Task SubscribeAsync(string topic, MessageSelector? selector = null)
        => WhereItIsAsync("change its subscriptions", group => Done(group.SubscribeAsync(topic, selector)));

    public Task UnsubscribeAsync(string topic) => WhereItIsAsync("change its subscriptions", group => Done(group.UnsubscribeAsync(topic)));

    public Task<IReadOnlyList<string>> StartAsync() => OnOff.SwitchAsync(Group, on: true);

    public Task<IReadOnlyList<string>> StopAsync() => OnOff.SwitchAsync(Group, on: false);

    // Not at the activation: what is thrown there reaches callers as an error of Orleans, about services they know nothing of.
    private T Needed<T>()
        where T : class => services.GetService<T>() ?? throw new RocketMQException(
            RocketMQErrorCode.State,
            $"Group '{Group}' cannot be managed through silo {local.SiloAddress.ToParsableString()}, which has no AddRocketMQ(): "
            + "call it there, without consumers if it is to have none, or have clients use the gateways of silos that did.");

    private static async Task<bool> Done(Task task)
    {
        await task;
        return true;
    }

    private Task<bool> WhereItRunsAsync(string operation, Func<IConsumerGroupOnSiloGrain, Task> running)
        => WhereItRunsAsync(operation, group => Done(running(group)), stopped: null);

    /// <summary>Does what it takes a silo for where the group is configured, running or not.</summary>
    /// <exception cref="ConsumerStateException">There is none.</exception>
    private async Task<T> WhereItIsAsync<T>(string operation, Func<IConsumerGroupOnSiloGrain, Task<T>> call)
    {
        var place = await Silos.FindConfiguredAsync(Group);
        return await call(Silos.On(place.Silo ?? throw place.Refuse(operation), Group));
    }

    /// <summary>Does what it takes a silo for that runs the group.</summary>
    /// <param name="operation">What is wanted, for who is told that it cannot be.</param>
    /// <param name="running">Asks a silo that runs it.</param>
    /// <param name="stopped">Asks a silo where it is configured, when none runs it; null: refuses then.</param>
    /// <exception cref="ConsumerStateException">There is none.</exception>
    private async Task<T> WhereItRunsAsync<T>(
        string operation,
        Func<IConsumerGroupOnSiloGrain, Task<T>> running,
        Func<IConsumerGroupOnSiloGrain, Task<T>>? stopped)
    {
        for (var attempt = 1; ; attempt++)
        {
            if (Silos.Guess(Group) is not { } silo)
            {
                var place = await Silos.FindAsync(Group);
                if (place.Presence != GroupPresence.Running)
                {
                    return place.Silo is { } configured && stopped is not null
                        ? await stopped(Silos.On(configured, Group))
                        : throw place.Refuse(operation);
                }

                silo = place.Silo!;
            }

            try
            {
                return await running(Silos.On(silo, Group));
            }
            catch (Exception exception)
                when (attempt < MostAttempts && exception is GroupRunsElsewhereException or SiloHasNoConsumersException)
            {
                Silos.Forget(Group, silo);
            }
            catch (Exception exception) when (exception is TimeoutException or OrleansException)
            {
                // It may have died; who comes next had better ask another.
                Silos.Forget(Group, silo);
                throw;
            }
        }
    }
}

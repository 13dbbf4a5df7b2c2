using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Management;
using OrleansRocketMQ.Subscriptions;

namespace OrleansRocketMQ.Consumers;

/// <summary>
/// A consumer from one start to its stop: the group's part on this silo, its rebalance service, and what brings changed
/// subscriptions to them.
/// </summary>
internal sealed partial class ConsumerSession(
    ConsumerGroupRuntime consumer,
    RebalanceService rebalance,
    GroupAgent agent,
    SubscriptionManager subscriptions,
    ConsumerRegistry registry,
    RocketMQOptions options,
    TimeProvider time,
    ILogger<ConsumerSession> logger)
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _changed = new(0, 1);
    private Task _applying = Task.CompletedTask;
    private Task _asking = Task.CompletedTask;

    public void Start()
    {
        subscriptions.Changed += OnChanged;
        subscriptions.Client = consumer.Client;
        consumer.Subscriptions.Replace(subscriptions.Active);
        registry.Add(consumer);
        consumer.Start();
        agent.Start();
        consumer.Allocation?.Start();
        rebalance.Start();
        _applying = BackgroundLoop.Run(
            $"changed subscriptions of group {consumer.Group}", _ => ApplyAsync(), time, logger, _stopping.Token);
        if (consumer.RetryPolicy is { } policy)
        {
            _asking = BackgroundLoop.Run(
                $"retry policy of group {consumer.Group}",
                stopping => policy.RunAsync(options.RebalanceInterval, stopping),
                time,
                logger,
                _stopping.Token);
        }
    }

    /// <summary>Stops pulling, lets listeners finish, commits, and hands the queues over to the other silos of the cluster.</summary>
    /// <param name="deadline">Until when that may last; null when only the group stops, not the silo.</param>
    /// <returns>Messages listeners did not finish in time.</returns>
    public async Task<int> DrainAsync(StopDeadline? deadline = null)
    {
        deadline ??= new StopDeadline(options.ShutdownTimeout, time, CancellationToken.None);
        var queues = consumer.Pumps.Values.ToArray();
        subscriptions.Changed -= OnChanged;
        subscriptions.Client = null;
        var steps = new StopSteps();
        await steps.TakeAsync(_stopping.CancelAsync).ConfigureAwait(false);
        await steps.TakeAsync(() => Task.WhenAll(_applying, _asking)).ConfigureAwait(false);
        await steps.TakeAsync(rebalance.StopAsync).ConfigureAwait(false);
        try
        {
            await rebalance.HandOverAsync(deadline).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // Then others begin where the brokers say, and no later than after the next look.
            Log.NotHandedOver(logger, consumer.Group, exception);
        }

        await steps.TakeAsync(() => consumer.StopAsync(deadline)).ConfigureAwait(false);
        await steps.TakeAsync(() => consumer.Allocation?.StopAsync() ?? Task.CompletedTask).ConfigureAwait(false);
        await steps.TakeAsync(agent.StopAsync).ConfigureAwait(false);
        steps.ThrowIfAnyFailed();
        return queues.Sum(queue => queue.Abandoned);
    }

    /// <summary>Tells the brokers that this silo is no member any more.</summary>
    public async Task LeaveAsync()
    {
        try
        {
            await consumer.Client.UnregisterConsumerAsync(consumer.Group).ConfigureAwait(false);
        }
        finally
        {
            registry.Remove(consumer);
        }
    }

    private void OnChanged()
    {
        try
        {
            _changed.Release();
        }
        catch (SemaphoreFullException)
        {
            // It is going to look anyway.
        }
    }

    private async Task ApplyAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                await _changed.WaitAsync(_stopping.Token).ConfigureAwait(false);
                await consumer.ChangeSubscriptionsAsync(subscriptions.Active, _stopping.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // The table is changed; heartbeats and the rebalance service's next look bring the rest.
                Log.NotApplied(logger, consumer.Group, exception);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(244, LogLevel.Warning, "Group {Group}: its queues could not be handed over")]
        public static partial void NotHandedOver(ILogger logger, string group, Exception exception);

        [LoggerMessage(
            245,
            LogLevel.Warning,
            "Group {Group}: brokers could not be told of changed subscriptions at once; the next heartbeat does")]
        public static partial void NotApplied(ILogger logger, string group, Exception exception);
    }
}

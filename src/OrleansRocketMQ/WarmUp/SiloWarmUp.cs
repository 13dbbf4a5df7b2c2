using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Allocation;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.WarmUp;

/// <summary>
/// Has a silo that joins others do once what it will do for each queue that moves to it, before its groups take part: a queue of a
/// group that exists nowhere comes here from another silo, is pulled, and a listener consumes what is in it. Else the first queues
/// stand still while this process compiles all that. No real broker hears of it, and nothing of it is counted or traced.
/// </summary>
/// <param name="registry">Where grains find the group meanwhile.</param>
/// <param name="grains">Finds grains.</param>
/// <param name="membership">The silos.</param>
/// <param name="silo">This one.</param>
/// <param name="options">How long groups wait for it.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Where it tells how long it took.</param>
internal sealed partial class SiloWarmUp(
    ConsumerRegistry registry,
    IGrainFactory grains,
    IClusterMembershipService membership,
    SiloAddress silo,
    RocketMQOptions options,
    TimeProvider time,
    ILogger<SiloWarmUp> logger)
{
    private static readonly TimeSpan LongestEnd = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stopping = new();
    private Task _running = Task.CompletedTask;

    /// <summary>Ends when groups may begin, warm or not: what it leaves is put away beside them. Never fails.</summary>
    public Task Ended { get; private set; } = Task.CompletedTask;

    /// <summary>Begins, unless this silo is alone: nobody waits for it then, and what it compiles it compiles once either way.</summary>
    /// <param name="create">Makes a group on this silo.</param>
    public void Start(Func<ConsumerOptions, RocketMQClient, ConsumerGroupRuntime> create)
    {
        var other = membership.CurrentSnapshot.Members.Values
            .FirstOrDefault(member => member.Status == SiloStatus.Active && !member.SiloAddress.Equals(silo));
        if (other is not null && options.WarmUpTimeout > TimeSpan.Zero)
        {
            // Not in the turn in which the silo starts. Groups that begin cold are better than groups that do not begin.
            _running = SiloRuntime.Of(time).Scheduler.Run(() => RunAsync(other.SiloAddress, create));
            Ended = Task.WhenAny(_running, Task.Delay(options.WarmUpTimeout, time, _stopping.Token));
        }
    }

    /// <summary>Gives up, when the silo stops.</summary>
    public async Task StopAsync()
    {
        await _stopping.CancelAsync();
        await _running;
    }

    private async Task RunAsync(SiloAddress other, Func<ConsumerOptions, RocketMQClient, ConsumerGroupRuntime> create)
    {
        var began = time.GetTimestamp();
        try
        {
            using var limit = new CancellationTokenSource(options.WarmUpTimeout, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _stopping.Token);
            await ConsumeAsync(other, create, either.Token);
            Log.Warm(logger, time.GetElapsedTime(began), other.ToParsableString());
        }
        catch (Exception exception)
        {
            Log.NotWarm(logger, time.GetElapsedTime(began), exception.Message);
        }
    }

    private async Task ConsumeAsync(
        SiloAddress other, Func<ConsumerOptions, RocketMQClient, ConsumerGroupRuntime> create, CancellationToken cancellationToken)
    {
        var queue = new MessageQueue(WarmUpGroup.Topic, silo.ToParsableString(), 0);
        await using var broker = new WarmUpBroker(queue, time);
        await using var client = broker.CreateClient(ClientIdentity.Of(silo, options.UnitName));
        client.Start();
        var consumer = create(WarmUpGroup.CreateOptions(), client);
        var grain = grains.GetGrain<IMessageQueueGrain>(consumer.GrainKeyOf(queue));
        registry.WarmUp = consumer;
        try
        {
            consumer.Start();
            await client.Routes.RefreshAsync(queue.Topic, cancellationToken);
            await BringAsync(consumer, grain, queue, other, cancellationToken);
            await broker.Consumed.WaitAsync(cancellationToken);
        }
        finally
        {
            await consumer.StopAsync(new StopDeadline(LongestEnd, time, CancellationToken.None));
            registry.WarmUp = null;

            // Whose group runs nowhere ends.
            await grain.EnsureStartedAsync(silo).WaitAsync(LongestEnd, time, CancellationToken.None);
        }
    }

    /// <summary>
    /// Has the queue's grain made on the other silo, which does not run the group and so sends it to the one who asks; a silo of v0.2
    /// as well. Where that fails it begins here.
    /// </summary>
    private async Task BringAsync(
        ConsumerGroupRuntime consumer, IMessageQueueGrain grain, MessageQueue queue, SiloAddress other, CancellationToken cancellationToken)
    {
        consumer.View = AllocationView.Everything([[queue]], ClientIdentity.Of(other, options.UnitName));
        try
        {
            await grain.EnsureStartedAsync(silo).WaitAsync(cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            Log.NotBrought(logger, other.ToParsableString(), exception.Message);
        }

        consumer.View = AllocationView.Everything([[queue]], consumer.Client.ClientId);
        await grain.EnsureStartedAsync(silo).WaitAsync(cancellationToken);
    }

    private static partial class Log
    {
        [LoggerMessage(560, LogLevel.Debug, "Warmed up in {Time}: a queue in memory came here from {Silo} and was consumed")]
        public static partial void Warm(ILogger logger, TimeSpan time, string silo);

        [LoggerMessage(561, LogLevel.Debug, "Not warm after {Time}, the groups begin all the same: {Reason}")]
        public static partial void NotWarm(ILogger logger, TimeSpan time, string reason);

        [LoggerMessage(562, LogLevel.Debug, "Silo {Silo} could not hand over a queue to warm up with, it begins here: {Reason}")]
        public static partial void NotBrought(ILogger logger, string silo, string reason);
    }
}

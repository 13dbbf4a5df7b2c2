using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.GrainDirectory;
using Orleans.Placement;
using Orleans.Runtime;
using Orleans.Runtime.Placement;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Pop;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Rebalance;
using OrleansRocketMQ.Management;
using OrleansRocketMQ.WarmUp;

namespace OrleansRocketMQ.Queues;

/// <inheritdoc cref="IMessageQueueGrain"/>
[GrainType(QueueGrainKey.GrainTypeName)]
[KeepAlive]
[Immovable]
[RocketMQQueuePlacement]
[GrainDirectory(QueueDirectory.Name)]
internal sealed partial class MessageQueueGrain : Grain, IMessageQueueGrain, IGrainMigrationParticipant
{
    private const string HandOverKey = "OrleansRocketMQ.HandOver";
    private const string PoppedHandOverKey = "OrleansRocketMQ.PoppedHandOver";
    private static readonly TimeSpan LongestSeek = TimeSpan.FromSeconds(20);

    private readonly IGrainContext _context;
    private readonly ConsumerRegistry _consumers;
    private readonly SettingsQuestions _settings;
    private readonly string _group;
    private readonly TimeSpan _shutdownTimeout;
    private readonly string? _unitName;
    private readonly SiloAddress _silo;
    private readonly MessageQueue _queue;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private QueueHandOver? _handOver;
    private PoppedQueueHandOver? _poppedHandOver;
    private ConsumerGroupRuntime? _consumer;
    private IGroupQueue? _pump;

    public MessageQueueGrain(
        IGrainContext context,
        ConsumerRegistry consumers,
        SettingsQuestions settings,
        ILocalSiloDetails silo,
        IOptions<RocketMQOptions> options,
        TimeProvider time,
        ILogger<MessageQueueGrain> logger)
    {
        _time = time;
        _logger = logger;
        _context = context;
        _consumers = consumers;
        _settings = settings;
        (_group, _queue, _) = QueueGrainKey.Parse(context.GrainId.Key.ToString()!);
        _silo = silo.SiloAddress;
        _shutdownTimeout = options.Value.ShutdownTimeout;
        _unitName = options.Value.UnitName;
    }

    /// <summary>The silo that owns the queue, as this one sees it.</summary>
    private SiloAddress? Owner => _consumers.Find(_group)?.View.SiloOf(_queue);

    /// <summary>What is to be known of the queue's last run here: it may begin anew since its messages come another way now.</summary>
    private QueueArrival? LeftHere => ReferenceEquals(_consumer, _consumers.Find(_group))
        ? QueueArrival.OfPopped(_pump?.UnstoredReset, (_pump as PopPump)?.DoneAhead)
        : null;

    private StoppedQueue? UntoldStop => _consumer?.Flow.UntoldStops.GetValueOrDefault(QueueShare.QueueOf(_queue));

    public async Task<SiloAddress?> EnsureStartedAsync(SiloAddress caller)
    {
        _consumers.Find(_group)?.NoteHere(ClientIdentity.Of(caller, _unitName));
        var isRunning = _pump is { IsStopped: false } && ReferenceEquals(_consumer, _consumers.Find(_group));
        var answer = HandOverDecisions.AnswerTo(Owner, _silo, caller, isRunning);
        if (answer == StartAnswer.StartsHere && !isRunning && _consumers.Find(_group)?.Modes.Pops(_queue) is null)
        {
            // Nobody here knows yet whether it is pulled or popped.
            return null;
        }

        switch (answer)
        {
            case StartAnswer.StartsHere when isRunning:
                break;
            case StartAnswer.StartsHere:
                await LearnSettingsAsync();
                Start(LeftHere);
                break;

            // Who calls remembers an activation that was here. A plain deactivation would not make him forget it: his next call
            // would make another one here.
            case StartAnswer.GoesToCaller:
                RequestContext.Set(IPlacementDirector.PlacementHintKey, caller);
                MigrateOnIdle();
                break;
            case StartAnswer.GoesToOwner:
                MigrateOnIdle();
                break;
            case StartAnswer.Ends:
                DeactivateOnIdle();
                break;
        }

        return answer is StartAnswer.StartsHere or StartAnswer.StillHere ? _silo : null;
    }

    public Task<QueueStatus> GetStatusAsync() => Task.FromResult(_pump is null or { IsStopped: true }
        ? new QueueStatus { Queue = _queue, Silo = _silo.ToParsableString() }
        : _pump.Describe() with { Silo = _silo.ToParsableString() });

    public async Task<bool> SeekAsync(long offset)
    {
        if (CarriedSettings.Take() is { } settings)
        {
            _consumers.Find(_group)?.Flow.Apply(settings);
        }

        if (_pump is PopPump { IsEnding: false } popped)
        {
            try
            {
                await popped.SeekAsync(offset);
                return true;
            }
            catch (OperationCanceledException) when (popped.IsEnding)
            {
                // As with one that is pulled.
                return false;
            }
        }

        if (_pump is not QueuePump pump)
        {
            return false;
        }

        var seek = pump.Seek(offset);
        try
        {
            await seek.Done.WaitAsync(LongestSeek, _time);
            return true;
        }
        catch (OperationCanceledException)
        {
            // It has stopped here, to go on elsewhere perhaps.
            return false;
        }
        catch (TimeoutException exception)
        {
            // Whoever asked hears that it has not happened; then it must not happen an hour later.
            throw new OffsetException(
                _queue,
                pump.Withdraw(seek)
                    ? $"the queue could not be moved within {LongestSeek.TotalSeconds:F0} s, since it waits for its lock, "
                        + "for the cluster's membership or after failures; it stays where it is"
                    : "what is in work has not ended, or the broker or the storage of checkpoints has not taken it, "
                        + $"within {LongestSeek.TotalSeconds:F0} s; the queue goes to {offset} as soon as they have",
                exception);
        }
    }

    public void OnDehydrate(IDehydrationContext dehydrationContext)
    {
        if (_group == WarmUpGroup.Name)
        {
            dehydrationContext.TryAddValue(HandOverKey, WarmUpGroup.HandOver);
            return;
        }

        // What a consumer knew that has stopped since is not to be trusted: others have had the queue meanwhile.
        if (_consumer is null || !ReferenceEquals(_consumer, _consumers.Find(_group)))
        {
            return;
        }

        if (_pump is PopPump popped)
        {
            dehydrationContext.TryAddValue(
                PoppedHandOverKey,
                new PoppedQueueHandOver(_consumer.Client.ClientId, _consumer.IsLeaving, _consumer.Placement, _consumer.Flow.Cluster)
                {
                    UntoldStop = UntoldStop,
                    UnstoredReset = popped.UnstoredReset,
                    DoneAhead = popped.DoneAhead,
                });
        }
        else if (_pump is QueuePump { Progress: { } progress } pump)
        {
            dehydrationContext.TryAddValue(HandOverKey, new QueueHandOver(
                progress, _consumer.Client.ClientId, _consumer.IsLeaving, pump.HasCheckpoint)
            {
                Placement = _consumer.Placement,
                Flow = _consumer.Flow.Cluster,
                IdleSince = pump.IdleSince,
                HasUnstoredReset = pump.HasUnstoredReset,
                UntoldStop = UntoldStop,
            });
        }
    }

    public void OnRehydrate(IRehydrationContext rehydrationContext)
    {
        rehydrationContext.TryGetValue(HandOverKey, out _handOver);
        rehydrationContext.TryGetValue(PoppedHandOverKey, out _poppedHandOver);
    }

    /// <summary>
    /// A queue that was handed over goes on at once. Who handed it over knew that it belongs here, though this silo may
    /// learn it only now.
    /// </summary>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (_handOver is not null && _group == WarmUpGroup.Name && _consumers.Find(_group) is null)
        {
            // This silo has given up warming up meanwhile.
            DeactivateOnIdle();
        }
        else if (_handOver is { } handOver)
        {
            _handOver = null;
            Learn(handOver.From, handOver.FromLeaves, handOver.Placement, handOver.Flow, handOver.UntoldStop);
            Start(handOver.ToArrival());
        }
        else if (_poppedHandOver is { } popped)
        {
            _poppedHandOver = null;
            Learn(popped.From, popped.FromLeaves, popped.Placement, popped.Flow, popped.UntoldStop);
            Start(popped.ToArrival(), wasPopped: true);
        }

        return Task.CompletedTask;
    }

    private void Learn(string from, bool fromLeaves, PlacementSettings? placement, FlowSettings? flow, StoppedQueue? untoldStop)
    {
        if (fromLeaves)
        {
            _consumers.Find(_group)?.NoteLeaving(from);
        }

        if (placement is not null)
        {
            _consumers.Find(_group)?.Apply(placement);
        }

        if (flow is not null)
        {
            _consumers.Find(_group)?.Flow.Apply(flow);
        }

        if (untoldStop is not null)
        {
            _consumers.Find(_group)?.Flow.UntoldStops.TryAdd(untoldStop.Queue, untoldStop);
        }
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        if (_pump is null)
        {
            return Task.CompletedTask;
        }

        if (reason.ReasonCode == DeactivationReasonCode.DuplicateActivation && _pump is QueuePump)
        {
            // Whoever has the queue may be further already: as behind a closed fence, the store is told nothing over that. Where only
            // the directory was lost, as with the silo it was on, nobody has it yet, and the next one needs to know how far it is.
            _pump.OnFence(closed: true);
        }

        return _consumer!.StopQueueAsync(_pump, _shutdownTimeout);
    }

    /// <summary>
    /// Learns what this silo may not have been told: the queue was moved by an operator, perhaps, before the silo died that had it.
    /// Nothing is consumed before the first settings are known; for later ones it is not waited long, they come in a moment.
    /// </summary>
    private async Task LearnSettingsAsync()
    {
        if (_consumers.Find(_group)?.Flow is not { Cluster: not null } flow)
        {
            return;
        }

        try
        {
            flow.Apply((await _settings.AskAsync(_group)).Flow);
        }
        catch (Exception exception)
        {
            // They are away. What is known goes on.
            Log.SettingsNotLearned(_logger, _group, _queue, exception.Message);
        }
    }

    // The group may have stopped and started again since the queue last ran here; it is another consumer then.
    private void Start(QueueArrival? arrival, bool wasPopped = false)
    {
        _consumer = _consumers.Find(_group) ?? throw new ConsumerStateException(_group, "not running on this silo", $"own {_queue}");
        _pump = _consumer.StartQueue(_queue, _context, arrival, wasPopped);
    }

    private static partial class Log
    {
        [LoggerMessage(
            401,
            LogLevel.Debug,
            "Group {Group}: {Queue} starts with the settings that this silo knows; newer ones could not be asked for: {Reason}")]
        public static partial void SettingsNotLearned(ILogger logger, string group, MessageQueue queue, string reason);
    }
}
